"""The pages: what is looked up for each, and what is let in.

Invariant: but for the sign-in page nothing is shown to somebody who is not signed in; whatever begins something is a POST with the
session's token, by an operator. Every page goes out through ``_page``, which takes secrets out of all of it.
"""

from collections.abc import Callable, Collection, Sequence
from math import ceil
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.secret import Secret
from lifeboat.repository.names import typed
from lifeboat.services.web.facts import Facts, JobView
from lifeboat.services.web.first_page import first_page
from lifeboat.services.web.growth import growth_of
from lifeboat.services.web.guard import Guard, TooLarge
from lifeboat.services.web.render import make_templates, static
from lifeboat.services.web.sessions import Session
from lifeboat.services.web.signing_in import SigningIn, address_of, form_of
from lifeboat.services.web.users import Role, Users

ROWS = 50
"""On one page of a list."""
PAGES = (
    ("/", "Am I safe?"),
    ("/history", "History"),
    ("/snapshots", "Snapshots"),
    ("/sizes", "Sizes and cost"),
    ("/alerts", "Alerts"),
    ("/drills", "Drills"),
    ("/audit", "Audit"),
)
Row = TypeVar("Row")
Shown = Callable[[Request, Session], Response]


class Dashboard:
    """Args:
    facts: Whoever knows what is shown.
    users: Who may look.
    hosts: Names by which the server may be called, besides those of loopback.
    """

    def __init__(self, facts: Facts, users: Users, clock: Clock, hosts: Collection[str] = ()) -> None:
        self._facts = facts
        self._users = users
        self._signing_in = SigningIn(users, clock)
        self._templates = make_templates()
        pages = Starlette(
            routes=[
                Route("/static/{name}", lambda request: static(request.path_params["name"])),
                Route("/signin", self._sign_in_page, methods=["GET"]),
                Route("/signin", self._sign_in, methods=["POST"]),
                Route("/signout", self._sign_out, methods=["POST"]),
                Route("/start", self._start, methods=["POST"]),
                Route("/", self._for_users(self._first)),
                Route("/live/first", self._for_users(self._live_first)),
                Route("/history", self._for_users(self._history)),
                Route("/history/{number:int}", self._for_users(self._run)),
                Route("/snapshots", self._for_users(self._snapshots)),
                Route("/sizes", self._for_users(self._sizes)),
                Route("/alerts", self._for_users(self._alerts)),
                Route("/drills", self._for_users(self._drills)),
                Route("/audit", self._for_users(self._audit)),
                Route("/jobs/{job}", self._for_users(self._job)),
                Route("/live/jobs/{job}", self._for_users(self._live_job)),
            ],
            exception_handlers={
                404: self._not_found,
                TooLarge: _too_large,
                LifeboatError: self._trouble,
                Exception: _a_bug,
            },
        )
        # Outermost, or the answer to a bug of ours would leave without the headers.
        self.app = Guard(pages, hosts)

    # Signing in and out.

    def _sign_in_page(self, request: Request) -> Response:
        if not self._users.list():
            return self._page("no_users.html", None)
        if self._signing_in.session(request) is not None:
            return RedirectResponse("/", 303)
        return self._ask_to_sign_in(request)

    async def _sign_in(self, request: Request) -> Response:
        form = await form_of(request)
        name = form.get("name", "").strip()
        if not await run_in_threadpool(self._users.list):
            return RedirectResponse("/signin", 303)
        if not self._signing_in.is_our_form(request, form.get("token", "")):
            return self._ask_to_sign_in(
                request, "The form was too old, or cookies are not kept. Try once more.", name, 403
            )
        user, wait, tried = await self._signing_in.sign_in(request, name, Secret(form.get("password", "")))
        if tried:
            # What nobody is called may be a password in the wrong field: it is not kept.
            known = name if await run_in_threadpool(self._users.find, name) else "a name that nobody has"
            await run_in_threadpool(self._facts.note, "sign in", known, address_of(request), user is not None)
        if user is None:
            words = "Name or password is wrong."
            if wait > 0:
                words += f" Wait {ceil(wait)} seconds before the next try."
            return self._ask_to_sign_in(request, words, name, 429 if wait > 0 else 401, wait)
        response = RedirectResponse("/", 303)
        self._signing_in.begin(request, response, user)
        return response

    async def _sign_out(self, request: Request) -> Response:
        session = self._signing_in.session(request)
        form = await form_of(request)
        if session is not None and not session.allows(form.get("token", "")):
            return self._said(session, "That form is too old", "Go back and try once more.", 403)
        response = RedirectResponse("/signin", 303)
        self._signing_in.end(request, response)
        return response

    def _ask_to_sign_in(
        self, request: Request, words: str = "", name: str = "", status: int = 200, wait: float = 0.0
    ) -> Response:
        token, cookie = self._signing_in.form_token(request)
        response = self._page("sign_in.html", None, status, token=token, words=words, name=name[:64])
        self._signing_in.set_cookie(request, response, "form", cookie)
        if wait > 0:
            response.headers["Retry-After"] = str(ceil(wait))
        return response

    # What begins something.

    async def _start(self, request: Request) -> Response:
        session = self._signing_in.session(request)
        if session is None:
            return RedirectResponse("/signin", 303)
        form = await form_of(request)
        if not session.allows(form.get("token", "")):
            return self._said(session, "That form is too old", "Go back and try once more.", 403)
        if session.user.role is not Role.OPERATOR:
            words = f"{session.user.name} may look and begin nothing: that needs the role operator."
            return self._said(session, "Not allowed", words, 403)
        job = form.get("job", "")
        known = await run_in_threadpool(self._job_named, job)
        if known is None or not known.can_start:
            return self._said(session, "Not here", "This machine does not do that job.", 400)
        why = await run_in_threadpool(self._facts.start, job, session.user.name, address_of(request))
        if why is not None:
            return self._said(session, "It was not begun", why, 409)
        return RedirectResponse(f"/jobs/{known.job}", 303)

    # The pages.

    def _first(self, request: Request, session: Session) -> Response:
        return self._page("first.html", session, **first_page(self._facts))

    def _live_first(self, request: Request, session: Session) -> Response:
        return self._page("first_live.html", session, **first_page(self._facts))

    def _job(self, request: Request, session: Session) -> Response:
        return self._watch(request, session, "job.html")

    def _live_job(self, request: Request, session: Session) -> Response:
        return self._watch(request, session, "job_live.html")

    def _watch(self, request: Request, session: Session, template: str) -> Response:
        job = self._job_named(request.path_params["job"])
        if job is None:
            return self._said(session, "No such job", "This installation has no job of that name.", 404)
        usual = [
            one.seconds for one in self._facts.runs(job.command.partition(" --")[0], 20) if one.is_good and one.seconds
        ]
        middle = sorted(usual)[len(usual) // 2] if usual else None
        return self._page(template, session, job=job, usual=middle)

    def _history(self, request: Request, session: Session) -> Response:
        rows = self._facts.runs(None, 5000)
        chosen = request.query_params.get("job", "")
        names = sorted({row.job.partition(" ")[0] for row in rows})
        if chosen in names:
            rows = [row for row in rows if row.job.partition(" ")[0] == chosen]
        else:
            chosen = ""
        page, paging = _paged(request, rows, f"/history?job={chosen}&page=" if chosen else "/history?page=")
        return self._page("history.html", session, rows=page, paging=paging, names=names, chosen=chosen)

    def _run(self, request: Request, session: Session) -> Response:
        row = self._facts.run(request.path_params["number"])
        if row is None:
            return self._said(session, "No such run", "The journal does not know it; old runs are forgotten.", 404)
        report: Any = row.report or {}
        return self._page("run.html", session, row=row, report=report, error=report.get("error") or {})

    def _snapshots(self, request: Request, session: Session) -> Response:
        seen = self._facts.seen()
        every = seen.snapshots if seen else ()
        counts: dict[str, int] = {}
        for one in every:
            counts[typed(one.source)] = counts.get(typed(one.source), 0) + 1
        chosen = request.query_params.get("source", "")
        rows = [one for one in every if typed(one.source) == chosen] if chosen in counts else every
        chosen = chosen if chosen in counts else ""
        page, paging = _paged(request, rows, f"/snapshots?source={chosen}&page=" if chosen else "/snapshots?page=")
        return self._page(
            "snapshots.html",
            session,
            rows=page,
            paging=paging,
            counts=counts,
            chosen=chosen,
            seen=seen,
            total=len(every),
        )

    def _sizes(self, request: Request, session: Session) -> Response:
        seen = self._facts.seen()
        growths = growth_of(self._facts.sizes(), seen.snapshots if seen else (), self._facts.now())
        return self._page("sizes.html", session, growths=growths, cost=self._facts.cost(), seen=seen)

    def _alerts(self, request: Request, session: Session) -> Response:
        rows = self._facts.alerts()
        still = [row for row in rows if row.closed is None]
        page, paging = _paged(request, [row for row in rows if row.closed is not None], "/alerts?page=")
        return self._page("alerts.html", session, open=still, rows=page, paging=paging)

    def _drills(self, request: Request, session: Session) -> Response:
        rows = [row for row in self._facts.runs(None, 5000) if row.job.startswith(("restore", "drill"))]
        page, paging = _paged(request, rows, "/drills?page=")
        last, seen = self._facts.local().last_restore, self._facts.seen()
        drills = None if seen is None or seen.status is None else seen.status.drills
        return self._page("drills.html", session, rows=page, paging=paging, last=last, drills=drills)

    def _audit(self, request: Request, session: Session) -> Response:
        acts = self._facts.acts()
        page, paging = _paged(request, acts.rows, "/audit?page=")
        return self._page("audit.html", session, rows=page, paging=paging, trouble=acts.trouble)

    # Helpers.

    def _for_users(self, show: Shown) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            is_watching = request.url.path.startswith("/live/")
            session = self._signing_in.session(request, is_watching=is_watching)
            if session is not None:
                return show(request, session)
            if is_watching:
                return Response(status_code=401)
            return RedirectResponse("/signin", 303)

        return answer

    def _job_named(self, name: str) -> JobView | None:
        return next((one for one in self._facts.local().jobs if one.job == name), None)

    def _page(self, template: str, session: Session | None, status: int = 200, **more: Any) -> HTMLResponse:
        now = self._facts.now()
        text = self._templates.get_template(template).render(
            title=self._facts.title, now=now, session=session, pages=PAGES, can_start=_is_operator(session), **more
        )
        return HTMLResponse(self._facts.scrub(text), status)

    def _said(self, session: Session | None, head: str, words: str, status: int) -> Response:
        return self._page("said.html", session, status, head=head, words=words)

    async def _not_found(self, request: Request, error: Exception) -> Response:
        session = await run_in_threadpool(self._signing_in.session, request, is_watching=True)
        return self._said(session, "No such page", "Nothing is here.", 404)

    async def _trouble(self, request: Request, error: Exception) -> Response:
        # Whoever sees this may not be signed in: the file of users is what could not be read.
        code = error.code if isinstance(error, LifeboatError) else "bug"
        words = f"Something cannot be read [{code}]. On the machine itself `lifeboat dashboard user list` or `lifeboat status` says what."
        return self._said(None, "That cannot be shown", words, 500)


def _is_operator(session: Session | None) -> bool:
    return session is not None and session.user.role is Role.OPERATOR


async def _too_large(request: Request, error: Exception) -> Response:
    return Response("Too large.\n", 413, media_type="text/plain")


async def _a_bug(request: Request, error: Exception) -> Response:
    return Response("This is a bug of Lifeboat; the log has more.\n", 500, media_type="text/plain")


def _paged(request: Request, rows: Sequence[Row], address: str) -> tuple[Sequence[Row], dict[str, Any]]:
    """One page of a list. Args: address: Of the others, without their number."""
    pages = max(1, ceil(len(rows) / ROWS))
    said = request.query_params.get("page", "1")
    page = min(max(int(said) if said.isascii() and said.isdigit() and len(said) < 9 else 1, 1), pages)
    first = (page - 1) * ROWS
    return rows[first : first + ROWS], {
        "page": page,
        "pages": pages,
        "address": address,
        "total": len(rows),
        "first": first + 1 if rows else 0,
        "last": min(first + ROWS, len(rows)),
    }
