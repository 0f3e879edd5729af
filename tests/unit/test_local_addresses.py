"""Who gets which loopback address."""

import asyncio
import ipaddress
import socket
from pathlib import Path

from activities.providers.local.addresses import Addresses


def made(path: Path) -> Path:
    path.mkdir()
    return path


async def test_each_folder_has_an_address_of_its_own_and_keeps_it(tmp_path: Path) -> None:
    folders = [made(tmp_path / str(number)) for number in range(20)]
    tables = [Addresses(tmp_path / "home") for _ in folders]
    first = await asyncio.gather(*(t.reserve(f) for t, f in zip(tables, folders, strict=True)))
    assert len({address for address, _ in first}) == 20
    assert all(ipaddress.ip_address(address).is_loopback for address, _ in first)
    again = [await Addresses(tmp_path / "home").reserve(folder) for folder in folders]
    assert again == first


async def test_an_address_that_was_given_back_rests_before_it_is_given_again(tmp_path: Path) -> None:
    addresses = Addresses(tmp_path / "home")
    folder, other = made(tmp_path / "a"), made(tmp_path / "b")
    before, _ = await addresses.reserve(folder)
    await addresses.release(folder)
    after, _ = await addresses.reserve(other)
    assert after != before
    assert before not in (tmp_path / "home/addresses.json").read_text()


async def test_folders_that_were_thrown_away_give_theirs_back(tmp_path: Path) -> None:
    addresses = Addresses(tmp_path / "home")
    lost = made(tmp_path / "lost")
    before, _ = await addresses.reserve(lost)
    lost.rmdir()
    await addresses.reserve(made(tmp_path / "other"))
    assert before not in (tmp_path / "home/addresses.json").read_text()


async def test_passes_over_addresses_on_which_somebody_listens(tmp_path: Path) -> None:
    folder = made(tmp_path / "a")
    expected, _ = await Addresses(tmp_path / "home").reserve(folder)
    with socket.socket() as stranger:
        stranger.bind((expected, 0))
        stranger.listen()
        given, _ = await Addresses(tmp_path / "elsewhere").reserve(folder)
    assert given != expected


async def test_a_damaged_table_is_begun_anew(tmp_path: Path) -> None:
    home = made(tmp_path / "home")
    (home / "addresses.json").write_text("[1, 2")
    address, port = await Addresses(home).reserve(made(tmp_path / "a"))
    assert ipaddress.ip_address(address).is_loopback
    assert port > 0
