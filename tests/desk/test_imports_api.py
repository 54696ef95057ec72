"""Files handed in by hand, and what the desk says of those that came."""

import socket
from typing import Any

import pytest
import sqlalchemy as sa

from tests.desk.conftest import DAY, ES, NQ, TOKEN, Desk, export
from xfg_pipeline.desk.download import cell
from xfg_pipeline.storage.database import Database

HTML = {"Accept": "text/html"}


def hand_in(client: Any, content: bytes, name: str, path: str = "/api/v2/imports", **headers: str) -> Any:
    return client.post(path, files={"file": (name, content, "text/csv")}, headers=headers)


def test_a_file_handed_in_becomes_levels(desk: Desk) -> None:
    client = desk.program()
    answer = hand_in(client, export(ES), "ES_levels.csv")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["state"], told["symbol"], told["imported_count"]) == ("imported", "ES", 9)
    assert told["trading_dates"] == [str(DAY)]
    assert client.get(f"/api/v2/levels/ES/{DAY}").json()["levels"] == ES
    again = hand_in(client, export(ES), "copy of ES_levels.csv")
    assert (again.status_code, again.json()["state"]) == (200, "duplicate")
    listed = client.get("/api/v2/imports").json()["imports"]
    assert [(one["file_name"], one["duplicates"]) for one in listed] == [("ES_levels.csv", 1)]


@pytest.mark.parametrize(
    ("content", "name", "word"),
    [
        (b"", "ES.csv", "empty"),
        (b"\x00\x01\x02" * 50, "ES.csv", ""),
        (export(ES), "RESULTS.csv", "symbol"),
        (export(ES | {"overnight_high": float("nan")}), "ES.csv", "nan"),
        (export(ES | {"vah": 100.0}), "ES.csv", ""),
    ],
)
def test_a_file_that_cannot_be_imported_is_refused_with_its_reason(
    desk: Desk, content: bytes, name: str, word: str
) -> None:
    answer = hand_in(desk.program(), content, name)
    assert answer.status_code == 422, answer.text
    error = answer.json()["error"]
    assert error["code"] == "file_refused"
    assert word in error["message"].lower()
    assert error["import"]["state"] == "refused"
    assert desk.program().get(f"/api/v2/levels/ES/{DAY}").json()["levels"] == {}


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/ES.csv",
        "C:\\temp\\ES.csv",
        "ES\u202egnp.csv",
        "ES\n.csv",
        "ES" + "x" * 300 + ".csv",
        "ES <img>.csv",
    ],
)
def test_odd_file_names_do_no_harm(desk: Desk, name: str) -> None:
    answer = hand_in(desk.program(), export(ES), name)
    assert answer.status_code in {200, 422}
    stored = desk.program().get("/api/v2/imports").json()["imports"][0]["file_name"]
    assert "/" not in stored
    assert "\\" not in stored
    assert stored.isprintable()


def test_what_is_no_upload_is_refused(desk: Desk) -> None:
    client = desk.program()
    assert client.post("/api/v2/imports", json={}).status_code == 415
    assert client.post("/api/v2/imports", data={"file": "x"}, files={"other": ("a", b"b")}).status_code == 422
    assert client.post("/api/v2/imports", files=[("file", ("a", b"b")), ("file", ("c", b"d"))]).status_code == 400
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    assert client.post("/api/v2/imports", content=b"nonsense", headers=broken).status_code in {400, 422}
    no_boundary = {"Content-Type": "multipart/form-data"}
    assert client.post("/api/v2/imports", content=b"nonsense", headers=no_boundary).status_code in {400, 422}


def test_a_file_larger_than_allowed_is_refused_before_it_is_read(desk: Desk) -> None:
    limit = desk.pipeline.rules.max_file_bytes
    assert limit == 64 * 1024 * 1024
    head = (
        f"POST /api/v2/imports HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {limit + 10**6}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", int(desk.url.rpartition(":")[2])), timeout=10) as raw:
        raw.sendall(head.encode())
        assert b" 413 " in raw.recv(4096).split(b"\r\n")[0]


def test_the_page_takes_a_file_and_says_what_became_of_it(desk: Desk) -> None:
    client = desk.person()
    page = hand_in(client, export(NQ), "NQ_levels.csv", "/levels/import", **HTML)
    assert page.status_code == 200
    assert "Imported" in page.text
    assert "24,901.75" in page.text
    refused = hand_in(client, export(ES), "RESULTS.csv", "/levels/import", **HTML)
    assert refused.status_code == 422
    assert "Refused" in refused.text
    assert "Nothing was imported" in refused.text
    none = client.post("/levels/import", files={"file": ("", b"")}, headers=HTML)
    assert none.status_code == 422
    assert "Choose a file" in none.text


def test_names_and_warnings_of_files_are_text_and_never_markup(desk: Desk) -> None:
    bad = "<img src=x onerror=alert(1)>"
    hand_in(desk.program(), export(ES), f"ES {bad}.csv")
    hand_in(desk.program(), f"Date,{bad},overnight_high\n{DAY},5,6700.25\n".encode(), "ES_levels.csv")
    hand_in(desk.program(), f"Date,overnight_high\n{DAY},{bad}\n".encode(), "ES_other.csv")
    page = desk.person().get("/levels", headers=HTML).text
    assert "&lt;img" in page
    assert "<img" not in page


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_a_spreadsheet_would_calculate_gets_an_apostrophe(start: str) -> None:
    assert cell(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"
    assert cell("plain = text") == "plain = text"


def test_formulas_survive_the_download_as_text(desk: Desk, database: Database) -> None:
    desk.bring(ES, "ES_levels.csv")
    with database.begin() as connection:
        connection.execute(
            sa.text("UPDATE structural_levels_v2 SET description = '=HYPERLINK(\"http://evil\")', imported_by = '@x'")
        )
    text = desk.program().get(f"/api/v2/levels.csv?symbol=ES&from={DAY}").text
    assert '"\'=HYPERLINK(""http://evil"")"' in text
    assert ",'@x," in text
    assert ",=" not in text
