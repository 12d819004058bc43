"""What is written into a document stands in it as it is, whoever wrote it; what people wrote is never lost."""

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from lifeboat.evidence.paper.document import (
    Block,
    Bullets,
    Commands,
    Document,
    Facts,
    Heading,
    NewPage,
    Notice,
    Paragraph,
    Picture,
    Table,
    Writing,
    Yours,
    one_line,
)
from lifeboat.evidence.paper.markdown import to_markdown, yours_in
from lifeboat.evidence.paper.page import to_html

HOSTILE = '<script>alert(1)</script> | ![x](http://evil) *b* [a](javascript:x) \n# not a heading & "quotes" \x1b[31m'


class Seen(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def seen(page: str) -> Seen:
    found = Seen()
    found.feed(page)
    return found


def every_block(text: str) -> tuple[Block, ...]:
    return (
        Heading(text),
        Paragraph(text),
        Notice(text, "bad"),
        Facts(((text, text),)),
        Table((text, "n"), ((text, "1"),), ("doubtful",), (1,)),
        Bullets((text,)),
        Bullets((text, text), numbered=True),
        Commands((text,)),
        Picture("<svg></svg>", text),
        Yours("notes", text, text),
    )


def test_a_page_runs_nothing_and_loads_nothing_whoever_wrote_the_texts() -> None:
    page = seen(to_html(Document(HOSTILE, HOSTILE, every_block(HOSTILE), HOSTILE)))
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "img", "iframe", "link", "object", "form", "base"}
    for _, attributes in page.tags:
        assert not any(name.startswith("on") or name == "src" for name in attributes)
        assert (attributes.get("href") or "#").startswith(("#", "http"))
    assert "alert(1)" in page.text
    assert "\x1b" not in page.text


def test_markdown_means_nothing_but_what_we_meant() -> None:
    made = to_markdown(Document(HOSTILE, HOSTILE, every_block(HOSTILE)[:-1], HOSTILE))
    page = seen(MarkdownIt("commonmark", {"html": True}).enable("table").render(made))
    tags = [tag for tag, _ in page.tags]
    assert "script" not in tags and "img" not in tags and "a" not in tags and "em" in tags  # the picture's words
    assert tags.count("h1") == 1 and tags.count("h2") == 1
    assert tags.count("td") == 2


@given(st.text())
def test_texts_survive_both_forms(text: str) -> None:
    plain = one_line(text.replace("`", ""))
    document = Document("Title", "", (Table(("a", "b"), ((plain, "x"),)),))
    for page in (
        seen(to_html(document)),
        seen(MarkdownIt("commonmark").enable("table").render(to_markdown(document))),
    ):
        assert plain in one_line(page.text)


@given(st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.just("\n"), max_size=60), max_size=4))
def test_what_people_wrote_is_kept_word_for_word(texts: list[str]) -> None:
    written = {f"part-{n}": text.strip("\n") for n, text in enumerate(texts)}
    written = {name: text if text.strip() and "<!--" not in text else "" for name, text in written.items()}
    blocks: list[Block] = [Paragraph("before")]
    blocks += [Yours(name, "what to write", text) for name, text in written.items()]
    made = to_markdown(Document("Plan", "", tuple(blocks)))
    assert yours_in(made) == written
    again = to_markdown(
        Document("Plan", "", (Paragraph("changed"), *(Yours(n, "what to write", t) for n, t in yours_in(made).items())))
    )
    assert yours_in(again) == written


def test_yours_is_markdown_below_our_headings_and_without_html() -> None:
    page = to_html(Document("Plan", "", (Yours("who", "", "# Anna\n\n| a | b |\n|---|---|\n| **x** | <b>y</b> |"),)))
    tags = [tag for tag, _ in seen(page).tags]
    assert "h3" in tags and "strong" in tags and "b" not in tags and tags.count("h1") == 1


def test_an_empty_part_asks_and_an_empty_table_says_so() -> None:
    writing = Writing()
    writing.chapter("Contacts")
    writing.table(("name",), (), if_empty="nobody is named")
    writing.add(Yours("contacts", "who is called first"))
    document = Document("Plan", "", tuple(writing.blocks))
    assert "nobody is named" in to_html(document) and "who is called first" in to_html(document)
    assert yours_in(to_markdown(document)) == {"contacts": ""}


def test_what_is_written_beside_a_prompt_is_not_taken_for_the_prompt() -> None:
    made = to_markdown(Document("Plan", "", (Yours("who", "who is `called` first"),)))
    [prompt] = [line for line in made.splitlines() if line.startswith(">")]
    assert yours_in(made) == {"who": ""}
    assert yours_in(made.replace(prompt, prompt + "\nAnna")) == {"who": "Anna"}
    assert yours_in(made.replace(prompt, "Anna\n\n" + prompt)) == {"who": "Anna"}
    assert "Anna" in yours_in(made.replace(prompt, prompt + " Anna"))["who"]
    assert "Anna" in yours_in(made.replace("first", "first: Anna"))["who"]
    assert yours_in(made.replace("\n", "\r\n")) == {"who": ""}


def test_the_list_of_contents_stands_behind_the_first_page() -> None:
    blocks = (Paragraph("card"), NewPage(), *(Heading(f"chapter {n}") for n in range(7)), NewPage())
    page = to_html(Document("Plan", "", blocks))
    assert page.count("<nav") == 1 and page.index("card</p>") < page.index("<nav") < page.index("<h2")
    assert to_html(Document("Plan", "", blocks[2:-1])).index("<nav") < page.index("<h2")
