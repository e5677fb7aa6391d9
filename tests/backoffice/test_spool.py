"""The files under the embedded broker."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backoffice.spool import Claim, Spool

ROOT = Path(__file__).parents[2]


def take(spool: Spool, queue: str = "decisions") -> Claim:
    claim = spool.take(queue)
    assert claim is not None
    return claim


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path)


def claim_in_another_process(folder: Path, count: int) -> "subprocess.Popen[str]":
    """Start a process that claims `count` messages, says so, and then holds them until it is killed."""
    code = f"""
        import sys, time
        from backoffice.spool import Spool
        spool = Spool(sys.argv[1])
        for _ in range({count}):
            assert spool.take("decisions")
        print("claimed", flush=True)
        time.sleep(60)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "claimed\n"
    return process


def test_messages_come_in_the_order_they_were_put(spool: Spool) -> None:
    for number in range(20):
        spool.put("decisions", str(number).encode())
    assert [take(spool).read() for _ in range(20)] == [str(number).encode() for number in range(20)]
    assert spool.take("decisions") is None


def test_a_queue_does_not_see_the_messages_of_another(spool: Spool) -> None:
    spool.put("training", b"t")
    assert spool.take("decisions") is None
    assert take(spool, "training").read() == b"t"


def test_a_claimed_message_is_not_waiting_and_not_taken_twice(spool: Spool) -> None:
    spool.put("decisions", b"1")
    take(spool)
    assert spool.size("decisions") == 0
    assert spool.take("decisions") is None


def test_a_message_given_back_returns_to_its_old_place(spool: Spool) -> None:
    spool.put("decisions", b"first")
    spool.put("decisions", b"second")
    first = take(spool)
    spool.give_back(first)
    assert Spool(spool._ready.parent).take("decisions") == first  # a fresh listing, as another consumer has


def test_finishing_removes_the_last_trace(spool: Spool, tmp_path: Path) -> None:
    spool.put("decisions", b"1")
    claim = take(spool)
    spool.finish(claim)
    spool.finish(claim)  # a second acknowledgement does nothing
    spool.give_back(claim)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["lock"]


def test_a_living_consumers_messages_stay_with_it(spool: Spool, tmp_path: Path) -> None:
    spool.put("decisions", b"1")
    process = claim_in_another_process(tmp_path, 1)
    try:
        assert spool.reclaim() == 0
        assert spool.take("decisions") is None
    finally:
        process.kill()
        process.wait()


def test_a_killed_consumers_messages_come_back_at_once(spool: Spool, tmp_path: Path) -> None:
    for number in range(3):
        spool.put("decisions", str(number).encode())
    process = claim_in_another_process(tmp_path, 2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert spool.reclaim() == 2
    assert sorted(take(spool).read() for _ in range(3)) == [b"0", b"1", b"2"]
    assert [path.name for path in (tmp_path / "claimed").iterdir()] == [take_folder(spool).name]


def take_folder(spool: Spool) -> Path:
    return spool._own_folder()


def test_reclaiming_does_not_give_up_ones_own_lock(spool: Spool, tmp_path: Path) -> None:
    spool.put("decisions", b"1")
    take(spool)
    assert spool.reclaim() == 0
    other = subprocess.run(
        [
            sys.executable,
            "-c",
            f"from backoffice.spool import Spool; print(Spool({str(tmp_path)!r}).reclaim())",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout == "0\n"


def test_a_forked_process_claims_under_its_own_name(tmp_path: Path) -> None:
    """What a pool process claims in its parent's folder outlives neither of them."""
    code = """
        import os, sys
        from backoffice.spool import Spool
        spool = Spool(sys.argv[1])
        print(spool._own_folder(), flush=True)
        if os.fork() == 0:
            print(spool._own_folder(), flush=True)
            os._exit(0)
        os.wait()
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
    parent, child = subprocess.check_output(command, cwd=ROOT, text=True).split()
    assert parent != child


def test_a_purge_removes_what_waits_and_leaves_what_is_claimed(spool: Spool) -> None:
    for _ in range(3):
        spool.put("decisions", b"1")
    claim = take(spool)
    assert spool.purge("decisions") == 2
    assert spool.take("decisions") is None
    assert claim.read() == b"1"


def test_the_size_of_an_unknown_queue_is_zero(spool: Spool) -> None:
    assert spool.size("never") == 0
    assert not spool.has("never")
    assert spool.purge("never") == 0


def test_old_drafts_are_removed_and_fresh_ones_kept(spool: Spool, tmp_path: Path) -> None:
    draft = tmp_path / "draft" / "half-written"
    draft.write_bytes(b"{")
    written_at = draft.stat().st_mtime
    spool.remove_old_drafts(now=written_at + 60)
    assert draft.exists()
    spool.remove_old_drafts(now=written_at + 7200)
    assert not draft.exists()


@pytest.mark.parametrize("name", ["", ".", "..", "../ready", "a/b", ".hidden", "a@b", "a\nb"])
def test_a_queue_name_cannot_leave_the_folder(spool: Spool, name: str) -> None:
    with pytest.raises(ValueError, match="no queue name"):
        spool.put(name, b"1")


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(st.sampled_from(["put", "take", "finish", "give_back", "purge", "reclaim"]), max_size=60)
)
def test_every_message_is_in_exactly_one_place(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    spool, held, put, gone = Spool(folder), list[Claim](), 0, 0
    for step in steps:
        if step == "put":
            spool.put("q", b"x")
            put += 1
        elif step == "take" and (claim := spool.take("q")):
            held.append(claim)
        elif step == "finish" and held:
            spool.finish(held.pop())
            gone += 1
        elif step == "give_back" and held:
            spool.give_back(held.pop())
        elif step == "purge":
            gone += spool.purge("q")
        elif step == "reclaim":
            assert spool.reclaim() == 0
        assert spool.size("q") + len(held) + gone == put
        assert all(claim.path.exists() for claim in held)
