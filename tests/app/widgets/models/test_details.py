import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from app.models.hub_rows import DownloadRequest, DownloadRow, DownloadState, HubQuery, HubRow
from app.widgets.models.action_bar import Offer
from app.widgets.models.details_panel import DetailsPanel
from engine.api.errors import ErrorKind, ErrorReport
from engine.api.hub import HubCheckpoint
from engine.api.plan import Precision
from tests.app.widgets.models import demo_hub
from tests.app.widgets.models.conftest import Opened

LEFT = Qt.MouseButton.LeftButton


def look_at(opened: Opened, checkpoint: HubCheckpoint, **more: object) -> DetailsPanel:
    opened.find()
    ids = [row.checkpoint.hub_id for row in demo_hub.ROWS]
    rows = opened.page.finder.list
    rows.setCurrentIndex(rows.model().index(ids.index(checkpoint.hub_id), 0))
    opened.page.show_details(demo_hub.details(checkpoint, **more))
    QApplication.processEvents()
    return opened.page.finder.details


def test_the_numbers_that_are_known_are_shown(opened: Opened) -> None:
    panel = look_at(opened, demo_hub.GPTQ)
    facts = dict(panel.facts.facts)
    assert facts["Parameters"] == "14.8 billion"
    assert facts["Download"] == "9.9 GB, about 26 min at 50 Mbit/s"
    assert facts["Context"] == "40,960 tokens"
    assert facts["Packed as"] == "4-bit GPTQ"
    assert facts["Downloads"] == "4,120 in a month"
    bare = HubCheckpoint(hub_id=demo_hub.GPTQ.hub_id)
    opened.page.show_details(demo_hub.details(bare))
    assert panel.facts.facts == []


def test_the_plan_is_words_and_memory_by_part(opened: Opened) -> None:
    panel = look_at(opened, demo_hub.QWEN)
    assert panel.plan.verdict.text().startswith("Working out")
    opened.page.show_plan((demo_hub.QWEN.hub_id, demo_hub.PLAN))
    assert panel.plan.verdict.text() == "Fits (BF16)"
    assert panel.plan.reasons[0] == demo_hub.PLAN.precision_reason
    assert panel.plan.rows[0][0] == "Weights"
    assert panel.plan.rows[-1] == ("Needed", "19.61 GiB")
    opened.page.show_plan((demo_hub.QWEN.hub_id, demo_hub.OFFLOADED_PLAN))
    assert panel.plan.rows[-2:] == [("Needed", "5.76 GiB"), ("In main memory", "5.32 GiB")]
    assert panel.plan.reasons[-1] == "In main memory: embedding table and 20 of 40 layers."
    opened.page.show_plan((demo_hub.QWEN.hub_id, None))
    assert panel.plan.rows == []
    opened.page.show_plan((demo_hub.QWEN.hub_id, demo_hub.NO_NETWORK))
    assert panel.plan.reasons == [demo_hub.NO_NETWORK.message, demo_hub.NO_NETWORK.hint]


def test_what_is_said_of_another_model_is_left_aside(opened: Opened) -> None:
    panel = look_at(opened, demo_hub.QWEN)
    opened.page.show_details(demo_hub.details(demo_hub.GPTQ))
    opened.page.show_plan((demo_hub.GPTQ.hub_id, demo_hub.PLAN))
    opened.page.show_details_error((demo_hub.GPTQ.hub_id, demo_hub.NO_NETWORK))
    assert panel.name.text() == "Qwen3-8B"
    assert panel.plan.rows == []
    assert not panel.problem.isVisible()


def test_a_renamed_model_says_its_name_of_now(opened: Opened) -> None:
    panel = look_at(opened, demo_hub.QWEN, current_id="Qwen/Qwen3-8B-Base")
    assert panel.publisher.text() == "Qwen · now called Qwen/Qwen3-8B-Base"


def test_download_with_or_without_a_chat(qtbot: QtBot, opened: Opened) -> None:
    panel = look_at(opened, demo_hub.GPTQ)
    assert panel.action_bar.words.text() == "Needs 9.9 GB; 212.0 GB are free."
    qtbot.mouseClick(panel.action_bar.download_button, LEFT)
    qtbot.mouseClick(panel.action_bar.download_and_chat_button, LEFT)
    hub_id = demo_hub.GPTQ.hub_id
    assert opened.asked_for("download_requested") == [
        DownloadRequest(hub_id, "main", False),
        DownloadRequest(hub_id, "main", True),
    ]


def test_another_version_is_asked_for_and_downloaded(qtbot: QtBot, opened: Opened) -> None:
    panel = look_at(opened, demo_hub.GPTQ)
    panel.revisions.setFocus()
    qtbot.keyClick(panel.revisions, Qt.Key.Key_Down)
    assert opened.asked_for("details_requested")[-1] == (demo_hub.GPTQ.hub_id, "gptq-4bit")
    opened.page.show_details(demo_hub.details(demo_hub.GPTQ))
    assert panel.revisions.currentText() == "gptq-4bit"
    qtbot.mouseClick(panel.action_bar.download_button, LEFT)
    assert opened.asked_for("download_requested") == [DownloadRequest(demo_hub.GPTQ.hub_id, "gptq-4bit")]


def test_a_default_branch_of_another_name_is_downloaded(qtbot: QtBot, opened: Opened) -> None:
    panel = look_at(opened, demo_hub.GPTQ, revisions=("master", "old"))
    qtbot.mouseClick(panel.action_bar.download_button, LEFT)
    assert opened.asked_for("download_requested") == [DownloadRequest(demo_hub.GPTQ.hub_id, "master")]


def test_a_full_disk_is_told_before(opened: Opened) -> None:
    panel = look_at(opened, demo_hub.GPTQ, disk_free_bytes=2 * demo_hub.GB)
    assert "Free 7.9 GB" in panel.action_bar.words.text()
    assert not panel.action_bar.download_button.isEnabled()
    assert not panel.action_bar.download_and_chat_button.isEnabled()


def test_the_packed_copy_is_told_before_the_download(opened: Opened) -> None:
    kept = msgspec.structs.replace(demo_hub.PLAN, precision=Precision.INT4, weight_bytes=5 * demo_hub.GB)
    packed = msgspec.structs.replace(kept, packed_here=True)
    for checkpoint, plan, free, words in (
        (demo_hub.QWEN, packed, 200, "and 5.0 GB for its packed copy, which loads faster; 200.0 GB are free."),
        (demo_hub.GPTQ, kept, 200, "Needs 9.9 GB; 200.0 GB are free."),
        (
            demo_hub.GPTQ,
            packed,
            200,
            "Needs 9.9 GB, and 5.0 GB for its packed copy, which loads faster; 200.0 GB are free.",
        ),
        (demo_hub.QWEN, packed, 18, "(without room for it, it is packed anew at each load); 18.0 GB are free."),
    ):
        panel = look_at(opened, checkpoint, disk_free_bytes=free * demo_hub.GB)
        assert "packed copy" not in panel.action_bar.words.text()
        opened.page.show_plan((checkpoint.hub_id, plan))
        assert panel.action_bar.words.text().endswith(words)
        assert panel.action_bar.download_button.isEnabled()


def test_a_model_on_this_computer_is_chatted_with(qtbot: QtBot, opened: Opened) -> None:
    panel = look_at(opened, demo_hub.QWEN)
    assert panel.standing().offer is Offer.DOWNLOAD
    opened.checkpoints.set_checkpoints(demo_hub.LOCAL)
    assert panel.standing().offer is Offer.CHAT
    qtbot.mouseClick(panel.action_bar.chat_button, LEFT)
    assert opened.asked[-2:] == [("load_requested", demo_hub.QWEN.hub_id), ("closed", None)]
    opened.page.set_loaded(demo_hub.QWEN.hub_id)
    assert panel.action_bar.chat_button.text() == "Back to the chat"
    qtbot.mouseClick(panel.action_bar.chat_button, LEFT)
    assert opened.asked_for("load_requested") == [demo_hub.QWEN.hub_id]


def test_what_is_newer_on_the_hub_is_offered_beside_the_chat(qtbot: QtBot, opened: Opened) -> None:
    opened.checkpoints.set_checkpoints(demo_hub.LOCAL)
    panel = look_at(opened, demo_hub.QWEN, missing_bytes=2 * demo_hub.GB)
    assert panel.standing().offer is Offer.UPDATE
    assert panel.action_bar.words.text() == "It is on this computer. What is new on the Hub takes 2.0 GB."
    assert panel.action_bar.chat_button.isVisible()
    assert not panel.action_bar.download_and_chat_button.isVisible()
    assert panel.action_bar.download_button.text() == "Update"
    qtbot.mouseClick(panel.action_bar.download_button, LEFT)
    assert opened.asked_for("download_requested") == [DownloadRequest(demo_hub.QWEN.hub_id)]
    opened.downloads.put(DownloadRow("a", demo_hub.QWEN.hub_id, "main", DownloadState.RUNNING))
    assert panel.standing().offer is Offer.UNDER_WAY
    opened.downloads.put(DownloadRow("a", demo_hub.QWEN.hub_id, "main", DownloadState.FINISHED))
    assert panel.standing().offer is Offer.CHAT
    assert not panel.action_bar.download_button.isVisible()


def test_an_update_is_not_offered_offline_nor_for_what_has_no_room(opened: Opened) -> None:
    opened.checkpoints.set_checkpoints(demo_hub.LOCAL)
    panel = look_at(opened, demo_hub.QWEN, missing_bytes=2 * demo_hub.GB, disk_free_bytes=demo_hub.GB)
    assert panel.action_bar.words.text().endswith("Free 1.0 GB, or choose another folder for downloads.")
    assert not panel.action_bar.download_button.isEnabled()
    assert panel.action_bar.chat_button.isEnabled()
    opened.page.set_offline(True)
    assert panel.standing().offer is Offer.CHAT


def test_a_version_on_this_computer_is_loaded_by_its_own_name(qtbot: QtBot, opened: Opened) -> None:
    panel = look_at(opened, demo_hub.QWEN)
    here = msgspec.structs.replace(demo_hub.LOCAL[1], reference="Qwen/Qwen3-8B@v1.0")
    opened.checkpoints.set_checkpoints([here])
    assert panel.standing().offer is Offer.DOWNLOAD
    panel.revisions.setCurrentIndex(2)
    panel.revisions.activated.emit(2)
    opened.page.show_details(demo_hub.details(demo_hub.QWEN))
    qtbot.mouseClick(panel.action_bar.chat_button, LEFT)
    assert opened.asked_for("load_requested") == ["Qwen/Qwen3-8B@v1.0"]


def test_an_incomplete_one_is_resumed(opened: Opened) -> None:
    opened.checkpoints.set_checkpoints(demo_hub.LOCAL)
    panel = look_at(opened, demo_hub.HUGE)
    assert panel.action_bar.download_button.text() == "Resume"


def test_a_download_under_way_is_shown_instead(qtbot: QtBot, opened: Opened) -> None:
    panel = look_at(opened, demo_hub.QWEN)
    opened.downloads.set_rows(demo_hub.DOWNLOADS[:1])
    assert panel.action_bar.words.text() == "42 % · 7.0 of 16.4 GB · 84 MB/s · 2 min left"
    assert not panel.action_bar.download_button.isVisible()
    qtbot.mouseClick(panel.action_bar.show_button, LEFT)
    assert opened.page.downloads.isVisible()
    opened.downloads.set_rows([DownloadRow("a", demo_hub.QWEN.hub_id, "main", DownloadState.FINISHED)])
    assert panel.standing().offer is Offer.DOWNLOAD


def test_the_keyboard_stays_with_the_one_thing_to_do(qtbot: QtBot, opened: Opened) -> None:
    bar = look_at(opened, demo_hub.QWEN).action_bar
    opened.page.window().activateWindow()
    bar.download_button.setFocus()
    qtbot.waitUntil(bar.download_button.hasFocus, timeout=30_000)
    opened.downloads.set_rows(demo_hub.DOWNLOADS[:1])
    assert bar.show_button.hasFocus(), "not what Qt finds next, such as the button of a failure"
    opened.downloads.set_rows([])
    assert bar.download_and_chat_button.hasFocus()


def test_a_gate_says_what_to_do(qtbot: QtBot, opened: Opened) -> None:
    panel = look_at(opened, demo_hub.LLAMA)
    assert "request" in panel.gate.message.text()
    qtbot.mouseClick(panel.gate.link_button, LEFT)
    qtbot.mouseClick(panel.gate.token_button, LEFT)
    qtbot.mouseClick(panel.gate.retry_button, LEFT)
    page = f"https://huggingface.co/{demo_hub.LLAMA.hub_id}"
    assert opened.asked_for("link_activated") == [page]
    assert ("token_requested", None) in opened.asked
    assert opened.asked_for("details_requested") == [(demo_hub.LLAMA.hub_id, "")] * 2


def test_a_refusal_takes_the_place_of_the_gate_and_of_the_button(opened: Opened) -> None:
    panel = look_at(opened, demo_hub.LLAMA)
    opened.page.show_details_error((demo_hub.LLAMA.hub_id, demo_hub.NEEDS_TOKEN))
    assert panel.problem.message.text() == demo_hub.NEEDS_TOKEN.message
    assert panel.problem.token_button.isVisible()
    assert not panel.gate.isVisible()
    assert not panel.action_bar.isVisible()
    opened.page.show_details(demo_hub.details(demo_hub.LLAMA))
    assert not panel.problem.isVisible()
    assert panel.action_bar.isVisible()


def test_an_unusable_model_has_a_sentence_and_no_button(opened: Opened) -> None:
    panel = look_at(opened, demo_hub.GGUF_ONLY)
    assert panel.unusable.text() == demo_hub.GGUF_ONLY.unusable
    assert not panel.action_bar.isVisible()
    assert not panel.plan.isVisible()


def test_offline_there_is_no_download_but_a_chat(opened: Opened) -> None:
    opened.page.set_offline(True)
    panel = look_at(opened, demo_hub.QWEN)
    assert panel.standing().offer is Offer.NOTHING
    opened.checkpoints.set_checkpoints(demo_hub.LOCAL)
    assert panel.standing().offer is Offer.CHAT


@pytest.mark.parametrize("name", ["A" * 96, "a-long-name_with.breaks-" * 4, "W" * 40 + "-" + "i" * 50])
def test_a_long_name_stays_in_its_place(opened: Opened, name: str) -> None:
    opened.page.resize(472, 400)
    opened.results.set_rows([HubRow(demo_hub.checkpoint(f"{name}/{name}", 8, 16, license=name, unusable=name))])
    opened.page.show_results_state((HubQuery(text=name), True))
    QApplication.processEvents()
    panel = opened.page.finder.details
    content = panel.name.parentWidget()
    viewport = content.parentWidget() if content is not None else None
    assert content is not None
    assert viewport is not None
    assert content.width() <= viewport.width()
    for each in opened.page.findChildren(QLabel):
        if each.isVisible():
            assert each.mapTo(opened.page, each.rect().topRight()).x() <= opened.page.width()


def test_files_are_folded(qtbot: QtBot, opened: Opened) -> None:
    panel = look_at(opened, demo_hub.QWEN)
    assert panel.files.fold.text() == "6 files, 16.4 GB"
    before = panel.files.sizeHint().height()
    panel.files.fold.click()
    QApplication.processEvents()
    assert panel.files.sizeHint().height() > before + 60


@pytest.mark.parametrize("kind", [ErrorKind.INTERNAL, ErrorKind.DISK])
def test_details_of_a_failure_can_be_copied(qtbot: QtBot, opened: Opened, kind: ErrorKind) -> None:
    panel = look_at(opened, demo_hub.QWEN)
    error = ErrorReport(kind=kind, message="It failed.", details="line 1")
    opened.page.show_details_error((demo_hub.QWEN.hub_id, error))
    qtbot.mouseClick(panel.problem.copy_button, LEFT)
    assert QApplication.clipboard().text() == "It failed.\n\nline 1"
    assert not panel.problem.token_button.isVisible()
    assert not panel.problem.link_button.isVisible()
