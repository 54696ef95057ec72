"""No secret reaches a log: known values, and what looks like one, in messages, arguments and tracebacks."""

import io
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from xfg_pipeline.service.logs import RedactingFormatter, RedactingStream, Redactor

BOT = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"POST https://api.telegram.org/bot{BOT}/sendMessage", BOT),
        ("connecting to postgresql://xfg:s3cr3t-p4ss@db/xfg", "s3cr3t-p4ss"),
        ("connecting to postgresql+psycopg://xfg:p%40ss-word@db:5432/xfg", "p%40ss-word"),
        ("host=db user=xfg password=s3cr3t-p4ss dbname=xfg", "s3cr3t-p4ss"),
        ("host=db password='two words' dbname=xfg", "two words"),
        ("{'X-BAPI-API-KEY': 'AbCdEf0123456789', 'X-BAPI-SIGN': 'deadbeefcafe'}", "AbCdEf0123456789"),
        ("{'X-BAPI-API-KEY': 'AbCdEf0123456789', 'X-BAPI-SIGN': 'deadbeefcafe'}", "deadbeefcafe"),
        ("Authorization: Bearer xfg_0123456789", "xfg_0123456789"),
        ("{'Authorization': 'Basic YWRtaW46aHVudGVyMg=='}", "YWRtaW46aHVudGVyMg=="),
        ("Cookie: theme=dark; xfg_session=abcDEF-123_456; other=1", "abcDEF-123_456"),
    ],
)
def test_what_looks_like_a_secret_is_redacted(text: str, secret: str) -> None:
    told = Redactor()(text)
    assert secret not in told
    assert "***" in told


def test_known_values_are_redacted_in_every_spelling_and_short_ones_do_not_eat_words() -> None:
    redact = Redactor(["hunter2/and more", "ES", "postgresql://u:pass%2Fword@db/x"])
    told = redact("a hunter2/and more b hunter2%2Fand%20more c pass%2Fword d pass/word e ES levels")
    assert told == "a *** b *** c *** d *** e ES levels"


def test_arguments_and_tracebacks_are_covered() -> None:
    formatter = RedactingFormatter(Redactor(["very-secret-value"]))
    try:
        int("very-secret-value")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "with %s", ("very-secret-value",), sys.exc_info())
    told = formatter.format(record)
    assert "very-secret-value" not in told
    assert "ValueError: invalid literal" in told


def test_a_secret_that_comes_in_pieces_is_redacted_in_its_line() -> None:
    written = io.StringIO()
    stream = RedactingStream(written, Redactor(["very-secret-value"]))
    for piece in ("first\nvery-sec", "ret-va", "lue and\nlast very-secret-value"):
        stream.write(piece)
    assert written.getvalue() == "first\n*** and\n"
    stream.finish()
    assert written.getvalue() == "first\n*** and\nlast ***"


def test_a_program_behind_redaction_prints_no_secret_not_even_when_it_dies(tmp_path: Path) -> None:
    (tmp_path / "leaky.py").write_text(
        "import logging, os, sys\n"
        "key = os.environ['SECRET_KEY']\n"
        "print('printed', key, *sys.argv[1:])\n"
        "logging.basicConfig()\n"
        "logging.error('logged %s', key)\n"
        "raise RuntimeError('raised ' + key)\n"
    )
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
        "SECRET_KEY": "a-very-secret-key-of-ours",
    }
    ran = subprocess.run(
        [sys.executable, "-m", "xfg_pipeline.service.redacted", "leaky", "--an", "argument"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert "a-very-secret" not in ran.stdout + ran.stderr
    assert ran.stdout == "printed *** --an argument\n"
    assert "logged ***" in ran.stderr
    assert "RuntimeError: raised ***" in ran.stderr
