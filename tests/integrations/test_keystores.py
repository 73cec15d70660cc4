"""One contract for every keeper of root keys, and what each promises by itself."""

import os
import stat
import subprocess
import sys
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import BadFile, Unavailable
from data.sealing.keyring import Keyring
from data.sealing.rotation import rewrap, rotate, status, verify
from data.sealing.strength import weakness
from integrations import key_file
from integrations.azure_keystore import AzureKeyStore
from integrations.file_keystore import FileKeyStore, fresh_line
from tests.integrations.key_vault import TOKEN, KeyVault
from tests.sealing.tables import MemoryKeys

ROOT = Path(__file__).parents[2]


class Signed:
    """A credential as azure-identity's: it hands out tokens."""

    def get_token(self, *scopes, **options):
        from azure.core.credentials import AccessToken

        assert scopes == ("https://vault.azure.net/.default",)
        return AccessToken(TOKEN, 4_000_000_000)


class InFile:
    def __init__(self, folder):
        self.path = folder / "master.key"
        key_file.create(self.path, fresh_line()[1])

    def open(self):
        return FileKeyStore.of_file(self.path)

    def renew(self):
        return self.open().renew()

    def close(self):
        pass


class InVault:
    def __init__(self, folder):
        pytest.importorskip("azure.keyvault.keys", reason="run `pip install 'phms[azure]'` to test the key vault")
        self.vault, self.opened = KeyVault(folder), []

    def open(self, **options):
        self.opened.append(AzureKeyStore(self.vault.url, Signed(), **(self.vault.options() | options)))
        return self.opened[-1]

    def renew(self):
        return self.vault.renew()

    def close(self):
        for store in self.opened:
            store.close()
        self.vault.close()


@pytest.fixture(scope="module", params=[InFile, InVault])
def keeper(request, tmp_path_factory):
    keeper = request.param(tmp_path_factory.mktemp("keeper"))
    yield keeper
    keeper.close()


@pytest.fixture
def vault(tmp_path):
    keeper = InVault(tmp_path)
    yield keeper
    keeper.close()


# The contract.


def test_any_key_opens_in_its_context_only(keeper):
    store = keeper.open()

    @settings(max_examples=40, deadline=None)
    @given(st.binary(max_size=64), st.binary(max_size=100), st.binary(max_size=100))
    def check(key, context, other):
        wrapped = store.wrap(key, context)
        assert store.unwrap(store.active(), wrapped, context) == key
        assert not key or key not in wrapped or len(key) < 4
        if other != context:
            with pytest.raises(BadFile):
                store.unwrap(store.active(), wrapped, other)

    check()


def test_the_same_key_is_never_wrapped_the_same_way_twice(keeper):
    store = keeper.open()
    assert len({store.wrap(b"k" * 32, b"") for _ in range(20)}) == 20


def test_an_altered_wrapped_key_is_refused(keeper):
    store = keeper.open()
    wrapped = store.wrap(b"k" * 32, b"c")
    wrong = [wrapped[:-1], wrapped + b"\0", b"", b"x", *(_flipped(wrapped, at) for at in range(0, len(wrapped), 7))]
    for altered in wrong:
        with pytest.raises(BadFile):
            store.unwrap(store.active(), altered, b"c")


@pytest.mark.parametrize("root", ["", "nobody", "~", "../x", "a" * 32, "a b", "é"])
def test_a_root_that_is_not_there_is_refused(keeper, root):
    store = keeper.open()
    with pytest.raises(BadFile):
        store.unwrap(root, store.wrap(b"k" * 32, b"c"), b"c")


def test_an_old_root_still_opens_after_a_renewal_and_the_new_one_wraps(keeper):
    before = keeper.open()
    old, wrapped = before.active(), before.wrap(b"k" * 32, b"c")
    new = keeper.renew()
    after = keeper.open()
    assert after.active() == new != old
    assert after.unwrap(old, wrapped, b"c") == b"k" * 32
    later = after.wrap(b"l" * 32, b"c")
    with pytest.raises(BadFile):
        after.unwrap(old, later, b"c")
    # One that was open all the while goes on, opens what the new one wrapped, and follows when it is told to.
    assert before.active() == old
    assert before.unwrap(new, later, b"c") == b"l" * 32
    before.reload()
    assert before.active() == new


def test_a_record_opens_and_changes_its_root(keeper):
    table, old = MemoryKeys(), keeper.open()
    house = Keyring(old, table).house
    new = keeper.renew()
    store = keeper.open()
    keyring = Keyring(store, table)
    rotate(keyring)
    list(rewrap(keyring))
    assert status(table).roots == (new,)
    assert Keyring(keeper.open(), table).house == house
    assert verify(keeper.open(), table).problems == []


def _flipped(content, at):
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


# The text of root keys.


def told(text):
    with pytest.raises(BadFile) as refused:
        FileKeyStore.of_text(text, "PHMS_MASTER_KEY")
    line = str(refused.value)
    assert line.startswith("PHMS_MASTER_KEY: ")
    assert "\n" not in line
    return line


def coded(key):
    return b64encode(key).decode()


def test_the_first_key_is_the_active_one_and_ids_may_be_left_out():
    one, other = os.urandom(32), os.urandom(32)
    store = FileKeyStore.of_text(f" # none yet,\n mine : {coded(one)} # since May\n\n{coded(other)[:-1]}", "x")
    assert store.active() == "mine"
    assert store.roots()[1].startswith("root-")
    alone = FileKeyStore.of_text(coded(other).replace("+", "-").replace("/", "_"), "y")
    assert alone.active() == store.roots()[1]
    wrapped = alone.wrap(b"k", b"c")
    assert store.unwrap(alone.active(), wrapped, b"c") == b"k"


def test_bad_texts_are_refused_without_being_quoted():
    good = coded(os.urandom(32))
    assert "holds no key" in told("")
    assert "holds no key" in told("# nothing")
    assert "line 1 is not base64" in told("a:hunter2!")
    assert "hunter2" not in told("a:hunter2!")
    assert "line 1 is not base64" in told("a:ключ")
    assert "line 1 holds 31 bytes instead of 32" in told(coded(os.urandom(31)))
    assert "line 1 holds 33 bytes" in told("a:" + coded(os.urandom(33)))
    assert "line 1 holds 48 bytes" in told(os.urandom(32).hex())
    assert "line 1 holds 0 bytes" in told("a:")
    assert "line 2 has the id, or is the key, of an earlier one" in told(f"a:{good},a:{coded(os.urandom(32))}")
    assert "line 2 has the id, or is the key, of an earlier one" in told(f"a:{good},b:{good}")
    swapped = told(f"{good}:a")
    assert "line 1 has an id that is not" in swapped
    assert good[:8] not in swapped
    several = told(f"a:x,{good},b:y!")
    assert "line 1 " in several
    assert "line 3 " in several


def test_keys_that_are_not_random_are_refused():
    made_up = [
        bytes(32),
        b"\xff" * 32,
        b"correct horse battery staple 123",
        bytes(range(32)),
        bytes(range(7, 231, 7)),
        bytes(range(255, 223, -1)),
        os.urandom(16) * 2,
        os.urandom(4) * 8,
        bytes(range(11)) * 2 + bytes(range(10)),
    ]
    assert all(weakness(key) for key in made_up)
    for key in made_up:
        assert "line 1 " in told(coded(key))
    assert "is text" in told("mysecretkeyformyclinicmysecretkeyformyclini")
    assert not any(weakness(os.urandom(32)) for _ in range(20_000))


def test_published_keys_are_refused():
    """A few that everybody can look up; the list itself holds no key."""
    published = [
        bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"),
        sha256(b"").digest(),
        sha256(b"password").digest(),
        sha256(b"phms").digest(),
    ]
    for key in published:
        assert "is a published key" in told(f"a:{coded(key)}")


def test_every_key_printed_in_this_project_is_refused():
    """Whatever 32 bytes in base64 stand in a text, an example or a test of ours must not open a record."""
    import re

    spelled = re.compile(rb"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{43}=(?![A-Za-z0-9+/=_-])")
    folders = ("bot", "data", "integrations", "nlu", "risk", "scheduler", "tests")
    files = [*ROOT.glob("*"), *(file for folder in folders for file in (ROOT / folder).rglob("*"))]
    for file in files:
        if file.is_file() and file.suffix in (".md", ".py", ".toml", ".txt", ".scene", ".golden", ".yml", ".sh"):
            for found in spelled.findall(file.read_bytes()):
                assert "line 1 " in told(found.decode()), file


def test_nothing_printed_of_a_store_shows_a_key():
    name, line = fresh_line()
    store = FileKeyStore.of_text(line, "PHMS_MASTER_KEY")
    key = line.partition(":")[2]
    assert key not in repr(store)
    assert key not in str(vars(store))
    with pytest.raises(BadFile) as refused:
        store.unwrap(name, b"x" * 40, b"c")
    assert key not in str(refused.value)


# The file of root keys.


def refused(path):
    with pytest.raises(BadFile) as told:
        FileKeyStore.of_file(path)
    assert "\n" not in str(told.value)
    return str(told.value)


def test_a_file_is_made_private_whole_and_never_over_another(tmp_path):
    path = tmp_path / "new folder" / "master.key"
    key_file.create(path, fresh_line()[1])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    content = path.read_bytes()
    with pytest.raises(BadFile, match="is there already"):
        key_file.create(path, fresh_line()[1])
    assert path.read_bytes() == content
    assert [file.name for file in path.parent.iterdir()] == ["master.key"]
    (tmp_path / "file").write_text("")
    with pytest.raises(BadFile, match="cannot be made"):
        key_file.create(tmp_path / "file" / "master.key", fresh_line()[1])


def test_of_many_who_make_the_file_at_once_one_does(tmp_path):
    def make(path, start):
        name, line = fresh_line()
        start.wait()
        try:
            key_file.create(path, line)
        except BadFile:
            return None
        return name

    for attempt in range(20):
        path, start = tmp_path / str(attempt), Barrier(4)
        with ThreadPoolExecutor(4) as pool:
            made = [name for name in pool.map(lambda _, p=path, s=start: make(p, s), range(4)) if name]
        assert made == [FileKeyStore.of_file(path).active()]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o700, 0o666, 0o622])
def test_a_file_that_others_may_read_is_refused_with_the_remedy(tmp_path, mode):
    path = tmp_path / "it's the key"
    key_file.create(path, fresh_line()[1])
    path.chmod(mode)
    line = refused(path)
    assert f"mode {mode:04o}" in line
    subprocess.run(["sh", "-c", line.partition("run `")[2].partition("`")[0]], check=True)
    FileKeyStore.of_file(path)


def test_stricter_modes_are_kept_by_a_renewal(tmp_path):
    path = tmp_path / "master.key"
    key_file.create(path, fresh_line()[1])
    path.chmod(0o400)
    store = FileKeyStore.of_file(path)
    first = store.active()
    assert store.renew() == store.active() != first
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert FileKeyStore.of_file(path).roots() == store.roots()


def test_what_is_no_file_of_ours_is_refused(tmp_path):
    assert "phms keys create" in refused(tmp_path / "missing")
    assert "regular file" in refused(tmp_path)
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "regular file" in refused(tmp_path / "pipe")
    for name, content in (("binary", b"\xff\xfe\x00"), ("huge", b"#" * 100_000)):
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
        assert "is not a file of keys" in refused(tmp_path / name)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "cannot be read" in refused(tmp_path / "loop")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(tmp_path):
    path = tmp_path / "master.key"
    key_file.create(path, fresh_line()[1])
    os.chown(path, 12_345, -1)
    assert f"chown {os.geteuid()} " in refused(path)


def test_a_renewal_goes_through_a_link_and_keeps_comments(tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    name, line = fresh_line()
    real.write_text(f"# ours\n\n# the first\n{line} # since May\n# the end\n")
    real.chmod(0o600)
    link.symlink_to(real)
    store = FileKeyStore.of_file(link)
    new = store.renew()
    assert link.is_symlink()
    lines = real.read_text().splitlines()
    assert lines[:3] == ["# ours", "", "# the first"]
    assert lines[3].startswith(f"{new}:")
    assert lines[4:] == [f"{line} # since May", "# the end"]
    assert FileKeyStore.of_file(link).roots() == (new, name)


@pytest.mark.parametrize("step", ["written", "replaced", "synced"])
def test_a_renewal_that_is_cut_off_leaves_the_old_file_or_the_new(tmp_path, step):
    path = tmp_path / "master.key"
    key_file.create(path, fresh_line()[1])
    store = FileKeyStore.of_file(path)
    old = store.active()

    def crash(name):
        if name == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.renew(crash)
    after = FileKeyStore.of_file(path)
    assert (after.active() == old) == (step == "written")
    assert old in after.roots()
    assert [file.name for file in tmp_path.iterdir()] == ["master.key"]


RENEW = """
import sys
from pathlib import Path
from integrations.file_keystore import FileKeyStore
store = FileKeyStore.of_file(Path(sys.argv[1]))
sys.stdin.read(1)
for _ in range(5):
    print(store.renew())
"""


def test_processes_that_renew_at_once_lose_no_key(tmp_path):
    path = tmp_path / "master.key"
    key_file.create(path, fresh_line()[1])
    first = FileKeyStore.of_file(path).active()
    command = [sys.executable, "-c", RENEW, str(path)]
    workers = [subprocess.Popen(command, stdin=-1, stdout=-1, text=True) for _ in range(3)]
    for worker in workers:
        worker.stdin.write("x")
        worker.stdin.flush()
    made = [name for worker in workers for name in worker.communicate(timeout=60)[0].split()]
    assert len(made) == 15
    assert set(FileKeyStore.of_file(path).roots()) == {first, *made}


# The vault.


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (400, BadFile, "restore the table"),
        (401, BadFile, "credentials"),
        (403, BadFile, "rights get, wrapKey and unwrapKey"),
        (404, BadFile, "no such key or version"),
        (408, Unavailable, "try again"),
        (429, Unavailable, "try again"),
        (500, Unavailable, "try again"),
        (503, Unavailable, "try again"),
    ],
)
def test_what_the_vault_answers_in_our_words(vault, answer, error, says):
    store = vault.open()
    wrapped = store.wrap(b"k" * 32, b"c")
    vault.vault.answer = answer
    for ask in (store.reload, lambda: store.unwrap(store.active(), wrapped, b"c"), vault.open):
        with pytest.raises(error, match=says) as told:
            ask()
        assert f"HTTP {answer}" in str(told.value)
        assert "as the test wants" not in str(told.value)
    vault.vault.answer = None
    assert store.unwrap(store.active(), wrapped, b"c") == b"k" * 32


def test_a_vault_that_is_not_there_is_unavailable(vault):
    vault.vault.close()
    with pytest.raises(Unavailable, match="try again"):
        vault.open(connection_timeout=1)


def test_a_vault_whose_certificate_is_not_trusted_gets_no_token(vault):
    with pytest.raises(Unavailable):
        vault.open(connection_verify=True)
    assert vault.vault.calls == []


def test_a_vault_that_sends_its_clients_elsewhere_gets_no_token(vault):
    with pytest.raises(BadFile, match="check its address"):
        vault.open(verify_challenge_resource=True)


def test_nobody_signed_in_is_told_so(vault):
    from azure.identity import CredentialUnavailableError

    class Nobody:
        def get_token(self, *scopes, **options):
            raise CredentialUnavailableError("no managed identity of nurse@clinic.example")

    with pytest.raises(BadFile, match="nobody is signed in here") as told:
        AzureKeyStore(vault.vault.url, Nobody(), **vault.vault.options())
    assert "nurse" not in str(told.value)


def test_only_an_rsa_key_will_do(vault):
    vault.vault.kind = "EC"
    with pytest.raises(BadFile, match="is not an RSA key"):
        vault.open()


def test_the_vault_opens_what_it_wrapped_itself_and_is_asked_for_nothing_else(vault):
    store = vault.open()
    wrapped = store.wrap(b"k" * 32, b"c")
    store.unwrap(store.active(), wrapped, b"c")
    asked = {call.rsplit("/", 1)[-1] for call in vault.vault.calls if call.startswith("POST")}
    assert asked == {"unwrapkey"}
    assert len(wrapped) == 256


@pytest.mark.parametrize(
    "url",
    [
        "http://x.vault.azure.net/keys/k",
        "https://x.vault.azure.net",
        "https://x.vault.azure.net/secrets/k",
        "https://x.vault.azure.net/keys/k/0123456789abcdef0123456789abcdef",
        "https://user@x.vault.azure.net/keys/k",
        "https://x.vault.azure.net/keys/k?x=1",
        "k",
    ],
)
def test_only_the_address_of_a_key_will_do(url):
    with pytest.raises(BadFile, match="without a version"):
        AzureKeyStore(url)


def test_without_its_packages_the_vault_says_how_to_get_them():
    code = (
        "import sys; sys.modules['azure'] = None\n"
        "from integrations.azure_keystore import AzureKeyStore\n"
        "from data.errors import BadFile\n"
        "try:\n    AzureKeyStore('https://x.vault.azure.net/keys/k')\n"
        "except BadFile as problem:\n    print(problem)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'phms[azure]'" in done.stdout
