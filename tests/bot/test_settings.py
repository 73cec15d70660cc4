"""Settings: all problems at once, the nearest name for a typo, no clinical choices."""

import pytest

from bot.settings import read_settings, variables
from data.errors import BadFile


def test_defaults_need_nothing():
    settings = read_settings({})
    assert settings.store_url.endswith("record.sqlite")
    assert settings.handbook_path is None


def test_all_problems_come_together():
    with pytest.raises(BadFile) as told:
        read_settings(
            {"PHMS_ZONE": "Europe/Talinn", "PHMS_LOG_LEVEL": "LOUD", "PHMS_HOEM": "/x", "PHMS_STORE": "redis://x"}
        )
    text = str(told.value)
    assert "did you mean Europe/Tallinn?" in text
    assert "PHMS_LOG_LEVEL 'LOUD' must be" in text
    assert "did you mean PHMS_HOME?" in text
    assert "PHMS_STORE 'redis' is not known" in text
    assert "\n" not in text


def test_a_store_with_a_password_is_not_quoted():
    with pytest.raises(BadFile) as told:
        read_settings({"PHMS_STORE": "postgres://user:secret@host/db"})
    assert "secret" not in str(told.value)
    assert read_settings({"PHMS_STORE": "mongodb://user:secret@host/db"}).store_shown == "mongodb://***@host/db"


def test_variables_of_tests_and_caches_are_left_alone():
    assert read_settings({"PHMS_CACHE": "/c", "PHMS_TEST_MONGO": "mongodb://x"}).home


def test_every_variable_has_help():
    assert all(v.help and v.name.startswith("PHMS_") for v in variables())
