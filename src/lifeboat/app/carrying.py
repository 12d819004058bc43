"""Carry-forward composed: the store's prices, and a rescue script in the bucket that opens what was carried."""

from lifeboat.app.settings import S3Location, Settings
from lifeboat.cloud.prices.load import load_prices
from lifeboat.cloud.prices.prices import Prices
from lifeboat.foundation.progress import Progress
from lifeboat.operations.annotate import need_signer
from lifeboat.operations.carry.run import carry_forward, look, report_of
from lifeboat.operations.reports.carrying import CarryReport
from lifeboat.repository.create import names_of_rescue_kit, store_rescue_kit
from lifeboat.repository.names import CONFIG
from lifeboat.repository.open_repository import Repository
from lifeboat.rescue import rescue_script
from lifeboat.rescue.readme import README
from lifeboat.storage.errors import StorageDenied


class Carrying:
    """``carry-forward`` for one set of settings."""

    def __init__(self, settings: Settings, repository: Repository, progress: Progress) -> None:
        self._settings = settings
        self._repository = repository
        self._progress = progress

    def run(self, *, dry_run: bool) -> CarryReport:
        """Copy, or only say what would be copied. Raises ``KeyMissing``, ``StorageDenied``."""
        rules, prices = self._settings.retention, self._prices()
        need_signer(self._repository, "carrying forward")
        if not dry_run:
            self._renew_rescue_script()
        try:
            if dry_run:
                facts, choices = look(self._repository, rules, self._progress)
                return report_of(facts, choices, rules, prices, dry_run=True)
            return carry_forward(self._repository, rules, self._progress, prices=prices)
        except StorageDenied as error:
            raise StorageDenied(
                error.message,
                "carrying forward reads packs and data keys and copies them: `lifeboat aws policy custodian` (or `keeper`) prints the rights",
            ) from error

    def _renew_rescue_script(self) -> None:
        """One that is older cannot open packs whose data key was made in another month."""
        script, readme = rescue_script(), README
        store = self._repository.store
        present = {stored.name for stored in store.list_under(CONFIG)}
        if names_of_rescue_kit(script, readme)[0] in present:
            return
        try:
            store_rescue_kit(store, script, readme)
        except StorageDenied as error:
            raise StorageDenied(
                "the rescue script in the repository is older than this Lifeboat, and could not open what is carried",
                "`lifeboat doctor` on the keeper's machine puts the present one there; then run this again",
            ) from error

    def _prices(self) -> Prices | None:
        if not isinstance(self._settings.need_repository(), S3Location):
            return None
        return load_prices(self._settings.repository.region, self._settings.aws.prices)
