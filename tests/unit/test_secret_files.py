"""Secrets made at first use: whole or not at all, the same for everybody, for nobody else to read."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from activities.secret_files import kept_secret


def test_made_once_and_kept(tmp_path: Path) -> None:
    first = kept_secret(tmp_path / "state" / "secret")
    again = kept_secret(tmp_path / "state" / "secret")
    assert first.made_now and not again.made_now
    assert first.value == again.value and len(first.value) >= 40


def test_only_its_owner_reads_it_and_no_draft_is_left(tmp_path: Path) -> None:
    kept_secret(tmp_path / "secret")
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_many_at_once_get_the_same_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        kept = list(pool.map(lambda _: kept_secret(tmp_path / "secret"), range(64)))
    assert len({secret.value for secret in kept}) == 1
    assert sum(secret.made_now for secret in kept) == 1


def test_a_draft_of_one_that_died_is_no_secret(tmp_path: Path) -> None:
    (tmp_path / ".secret.1.abcd").write_text("half")
    assert kept_secret(tmp_path / "secret").value != "half"
