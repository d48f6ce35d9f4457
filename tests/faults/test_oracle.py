"""The oracle and the nemesis themselves: each recording has words of its own, each seed choices of its own."""

import json
import socket
from pathlib import Path

import pytest

from pipeline.inference import load_model
from pipeline.spec import read_spec
from pipeline.stages import STEPS
from tests.faults import stub
from tests.faults.garbage import messages
from tests.faults.nemesis import FAULTS
from tests.faults.oracle import Oracle
from tests.faults.proxy import Proxy
from tests.faults.recordings import recording
from tests.faults.recovery import OUTAGES, Happened, Kill, Recovery, waits_s
from tests.faults.run import OPTIONS, percentile


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Oracle:
    return Oracle(str(stub.make_folder(tmp_path_factory.mktemp("model"))), OPTIONS)


def test_each_recording_has_words_that_no_other_has(oracle: Oracle) -> None:
    texts = [json.loads(oracle.document(number))["text"] for number in range(8)]
    assert len({text.casefold() for text in texts}) == len(texts)
    assert all(len(text.split()) == 4 for text in texts)


def test_the_same_number_is_the_same_recording() -> None:
    assert recording(3) == recording(3)
    assert recording(3) != recording(4)


def test_one_bit_of_the_sound_changes_the_words() -> None:
    assert stub.words_of(b"\x00" * 100) != stub.words_of(b"\x00" * 99 + b"\x01")


def test_the_stub_is_a_model_of_the_ctc_family_for_whoever_reads_its_folder(tmp_path: Path) -> None:
    spec = read_spec(stub.make_folder(tmp_path))
    assert spec.family == "ctc"
    assert stub.load is not load_model


def test_every_kind_of_garbage_is_another() -> None:
    made = messages(STEPS[0])
    assert len(set(made)) == len(made) >= 8


def test_every_fault_can_be_chosen() -> None:
    assert all(weight > 0 for weight, _ in FAULTS.values())


@pytest.mark.parametrize(("share", "expected"), [(0.95, 10.0), (0.5, 5.0), (0.1, 1.0)])
def test_a_percentile_is_a_value_that_was_measured(share: float, expected: float) -> None:
    assert percentile([float(value) for value in range(10, 0, -1)], share) == expected
    assert percentile([], share) is None


def test_a_silent_proxy_holds_back_what_is_sent_and_gives_it_out_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, Proxy(server.getsockname()[1]) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            away, _ = server.accept()
            proxy.silence()
            client.sendall(b"ping")
            away.settimeout(0.3)
            with pytest.raises(TimeoutError):
                away.recv(4)
            proxy.speak()
            away.settimeout(10)
            assert away.recv(4) == b"ping"
        away.close()


def test_what_was_wrong_while_a_step_waited_is_told_and_nothing_of_before_or_after() -> None:
    faults = [Happened(0.0, name, began_at=began_at) for name, began_at in (("before", 90.0), ("amid", 103.0))]
    faults += [Happened(0.0, "after", began_at=106.0), Happened(0.0, "from before", began_at=80.0)]
    faults[-1].ended_at = 101.0
    recovery = Recovery(Kill("child", 1, 100.0), "job", "decode", freed_s=1.0, again_s=5.0)
    assert [each.name for each in recovery.meanwhile(faults)] == ["amid", "from before"]


def test_a_wait_is_counted_without_the_time_in_which_servers_were_taken_away() -> None:
    # Two outages that overlap, one that began before and one that ends after; what is no outage counts.
    spans = [
        ("kill_broker", 95, 102),
        ("crash_postgres", 101, 103),
        ("stop_worker", 103, 108),
        ("black_hole", 109, 120),
    ]
    faults = [Happened(0.0, name, began_at=began_at) for name, began_at, _ in spans]
    for fault, (_, _, ended_at) in zip(faults, spans, strict=True):
        fault.ended_at = ended_at
    recovery = Recovery(Kill("child", 1, 100.0), "job", "decode", freed_s=1.0, again_s=10.0)
    assert recovery.without_servers_s(faults) == pytest.approx(3.0 + 1.0)
    assert waits_s([recovery], faults) == [pytest.approx(6.0)]
    assert set(FAULTS) > OUTAGES
