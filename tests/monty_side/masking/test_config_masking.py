"""What Info keeps to itself: secrets by the name of the setting, and by the form of the text; nothing else."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from monty_mqtt.masking.config_masking import masked, masked_arguments
from monty_mqtt.masking.secret_texts import masked_forms

SECRET = "kR7-hunter2"

SECRET_NAMES = [
    "password",
    "passwd",
    "passphrase",
    "pass_phrase",
    "pwd",
    "db_password",
    "dbPassword",
    "DB_PASSWORD",
    "PGPASSWORD",
    "MYSQL_PWD",
    "SSHPASS",
    "smtp_pass",
    "passwords",
    "user.password",
    "passwort",
    "password2",
    "password_hash",
    "token",
    "accessToken",
    "access_token",
    "ACCESS_TOKEN",
    "authToken",
    "hf_token",
    "HF_TOKEN",
    "github-token",
    "SLACK_BOT_TOKEN",
    "id_token",
    "tokenValue",
    "TOKEN_2",
    "apitoken",
    "refreshTokens",
    "secret",
    "client_secret",
    "clientSecret",
    "AWS_SECRET_ACCESS_KEY",
    "aws_access_key_id",
    "webhook_secret",
    "SECRET_KEY_BASE",
    "secrets",
    "key",
    "keys",
    "api_key",
    "apikey",
    "APIKey",
    "ApiKey",
    "wandbApiKey",
    "WANDB_API_KEY",
    "wandb_key",
    "openaiKey",
    "private_key",
    "privateKey",
    "encryption_key",
    "SharedAccessKey",
    "Ocp-Apim-Subscription-Key",
    "X-Api-Key",
    "x-functions-key",
    "ssh_key",
    "stripe.apiKeyV2",
    "credentials",
    "aws_credentials",
    "creds",
    "Authorization",
    "Proxy-Authorization",
    "jwt",
    "auth",
    "basic_auth",
    "cookie",
    "signature",
    "experiment.config.wandb.api_key",
    "secrets.database",
]

ORDINARY_NAMES = [
    "key_points",
    "n_keys",
    "max_tokens",
    "token_count",
    "keyboard",
    "monkey",
    "keyboard_layout",
    "passing",
    "tokenizer",
    "compass",
    "n_train_epochs",
    "num_tokens",
    "total_tokens",
    "tokens_per_batch",
    "pad_token",
    "eos_token_id",
    "max_new_tokens",
    "token_embedding_dim",
    "detokenize",
    "keypoints",
    "keyframes",
    "key_frame_rate",
    "keyword_args",
    "sort_key",
    "primary_key",
    "public_key",
    "sensor_key",
    "obs_keys",
    "image_key",
    "rng_key",
    "hotkey",
    "turkey",
    "hockey",
    "donkey",
    "bypass",
    "n_passes",
    "low_pass",
    "forward_pass",
    "pass_rate",
    "second_pass",
    "passenger",
    "surpass",
    "secretary",
    "author",
    "authority",
    "authentication_method",
    "password_file",
    "password_min_length",
    "api_key_file",
    "token_type",
    "token_file",
    "secret_name",
    "credentials_path",
    "password_policy",
    "cookie_recipe",
    "signature_length",
    "max_password_length",
    "compassKey",
    "experiment.config.key_points",
    "model.max_tokens",
]


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_value_whose_name_is_a_secrets_is_masked(name):
    assert masked({name: SECRET}) == {name: "***"}
    assert masked([[name, SECRET], ["lr", 0.1]]) == [[name, "***"], ["lr", 0.1]]
    assert masked([{"name": name, "value": SECRET}]) == [{"name": name, "value": "***"}]
    assert masked_arguments([f"{name}={SECRET}"]) == [f"{name}=***"]


@pytest.mark.parametrize("name", ORDINARY_NAMES)
def test_a_value_whose_name_only_sounds_like_a_secrets_is_shown(name):
    for value in ("shown", 512, [1, 2], {"a": "b"}):
        assert masked({name: value}) == {name: value}
    assert masked([[name, "shown"]]) == [[name, "shown"]]
    assert masked_arguments([f"{name}=shown", f"--{name}", "shown", f"--{name}=4"]) == [
        f"{name}=shown",
        f"--{name}",
        "shown",
        f"--{name}=4",
    ]


FORMS = {
    "postgres://me:hunter2@db:5432/x": "postgres://me:***@db:5432/x",
    "redis://:hunter2@cache/0": "redis://:***@cache/0",
    "http://me:p@ss/w0rd@host/x": "http://me:***@host/x",
    "mqtt://a:one1@h1,mqtt://b:two2@h2": "mqtt://a:***@h1,mqtt://b:***@h2",
    "git+https://0123456789abcdef0123@host/x.git": "git+https://***@host/x.git",
    "https://host/x?token=abc&step=3": "https://host/x?token=***&step=3",
    "https://host/x?a=1&X-Amz-Signature=0f0f0f": "https://host/x?a=1&X-Amz-Signature=***",
    "https://host/x?key=AbC123&q=1": "https://host/x?key=***&q=1",
    "https://host/#access_token=abc123": "https://host/#access_token=***",
    "https://hooks.slack.com/services/T0/B0/abc": "https://hooks.slack.com/services/***",
    "Bearer abcdef": "Bearer ***",
    "sent Bearer abc.def-123 to it": "sent Bearer *** to it",
    "Authorization: Bearer abcdef": "Authorization: Bearer ***",
    "authorization: Basic bWU6aHVudGVyMg==": "authorization: Basic ***",
    "Authorization: abcdef": "Authorization: ***",
    "Basic bWU6aHVudGVyMg==": "Basic ***",
    "Cookie: sid=abc; other=def": "Cookie: ***",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----": "***",
    "a -----BEGIN OPENSSH PRIVATE KEY-----\nb3Blb": "a ***",
    "id AKIAIOSFODNN7EXAMPLE": "id ***",
    "ghp_0123456789abcdefghijklmnopqrstuvwxyz": "***",
    "github_pat_11ABCDEFG0123456789_abcdefgh": "***",
    "glpat-0123456789abcdefghij": "***",
    "xoxb-123456789012-abcdefghijkl": "***",
    "sk-proj-0123456789abcdefghijkl": "***",
    "hf_abcdefghijklmnopqrstuvwx": "***",
    "AIzaSyA0123456789abcdefghijklmnopqrstuv": "***",
    "x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl y": "x *** y",
}

NAMED_TEXTS = {
    "PGPASSWORD=hunter2 psql -h db": "PGPASSWORD=*** psql -h db",
    'export WANDB_API_KEY="a b c"': "export WANDB_API_KEY=***",
    "LR=1,accessToken=abc,N=2": "LR=1,accessToken=***,N=2",
    "env=[A=1,PGPASSWORD=x,B=2]": "env=[A=1,PGPASSWORD=***,B=2]",
    'env="A=1 PGPASSWORD=x B=2"': 'env="A=1 PGPASSWORD=*** B=2"',
    '{"user": "me", "password": "a b"}': '{"user": "me", "password": ***}',
    "{user: me, api_key: abc}": "{user: me, api_key: ***}",
    "password: correct horse battery": "password: ***",
    "AccountName=me;AccountKey=a1b2==;Port=1": "AccountName=me;AccountKey=***;Port=1",
    "Server=db;Password=hunter2;": "Server=db;Password=***;",
    "curl -H 'X-Api-Key: abc' host": "curl -H 'X-Api-Key: ***' host",
    "curl -u me:hunter2 host": "curl -u me:*** host",
    "mysql --password hunter2 --host db": "mysql --password *** --host db",
    "java -Dtoken=abc": "java -Dtoken=***",
}

SHOWN_TEXTS = [
    "tcp://127.0.0.1:1883",
    "https://host:8443/path@2x.png",
    "ssh://git@github.com/x/y.git",
    "https://host/x?step=3&key_points=4&max_tokens=5",
    "0317fed0317fed0317fed0317fed0317fed03170",
    "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    "Bearer of good news",
    "Basic evaluation of the mug",
    "missing key: mug",
    "sorted(names, key=len)",
    "keyboard: qwerty, monkey: 3",
    "max_tokens=512 n_keys=3",
    "docker run -u 1000:1000 image",
    "pkg://monty_mqtt.conf",
    "patch.most_likely_object",
    "/home/me/results/2026-11-29_18-24-09",
    "password=${oc.env:DB_PASSWORD}",
    "token: null",
    "bridge_secrets:/run/secrets:ro",
    "key",
    "password",
]


@pytest.mark.parametrize(("text", "shown"), [*FORMS.items(), *NAMED_TEXTS.items()])
def test_a_secret_within_a_text_is_masked(text, shown):
    assert masked({"note": text}) == {"note": shown}
    assert masked(["a", {"b": [text, 1]}]) == ["a", {"b": [shown, 1]}]
    assert masked({text: 1}) == {shown: 1}
    assert masked(shown) == shown, "what was masked is not masked again"


@pytest.mark.parametrize("text", SHOWN_TEXTS)
def test_a_text_without_a_secret_is_shown(text):
    assert masked({"note": text}) == {"note": text}
    assert masked_arguments([text]) == [text]


@pytest.mark.parametrize(("text", "shown"), FORMS.items())
def test_a_free_text_keeps_all_but_forms(text, shown):
    if text != "Bearer abcdef":  # as a whole value this is a header's; in a sentence it is not
        assert masked_forms(f"it said {text}") == f"it said {shown}"


@pytest.mark.parametrize("text", ["key = tokens[password]", "self.token = get(api_key=key)", "password: wrong"])
def test_a_free_text_keeps_names(text):
    assert masked_forms(text) == text


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (["--password", "x"], ["--password", "***"]),
        (["--db-password", "x", "y"], ["--db-password", "***", "y"]),
        (["--accessToken", "x", "--lr", "1"], ["--accessToken", "***", "--lr", "1"]),
        (["--api-key=abc=d"], ["--api-key=***"]),
        (["--password"], ["--password"]),
        (["--password", "--verbose", "x"], ["--password", "--verbose", "x"]),
        (["--ask-pass", "x"], ["--ask-pass", "x"]),
        (["--no-password", "x"], ["--no-password", "x"]),
        (["--max-tokens", "4"], ["--max-tokens", "4"]),
        (["-u", "me:hunter2"], ["-u", "me:***"]),
        (["-H", "Authorization: token abc"], ["-H", "Authorization: token ***"]),
        (["-e", "PGPASSWORD=x"], ["-e", "PGPASSWORD=***"]),
        (["experiment=a", "+b.wandbApiKey=x", "++c.token=y"], ["experiment=a", "+b.wandbApiKey=***", "++c.token=***"]),
        (["a.b={user: me, password: x y}"], ["a.b={user: me, password: ***}"]),
        (["https://u:p@h/"], ["https://u:***@h/"]),
        (["--use-token=true"], ["--use-token=true"]),
        (["bash", "-c", "PGPASSWORD=x psql"], ["bash", "-c", "PGPASSWORD=*** psql"]),
    ],
)
def test_a_command_line_is_read_word_by_word(given, shown):
    assert masked_arguments(given) == shown
    assert masked({"command": given}) == {"command": shown}


@dataclass
class Login:
    user: str
    password: str


class Client:
    def __repr__(self):
        return "Client(host='db', password='hunter2')"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"login": Login("me", "hunter2")}, {"login": {"user": "me", "password": "***"}}),
        ({"client": Client()}, {"client": "Client(host='db', password=***)"}),
        ({"header": b"Bearer abcdef"}, {"header": "***"}),
        ({"pem": b"-----BEGIN PRIVATE KEY-----\nMIIE\n"}, {"pem": "***"}),
        (
            {"image": b"\x89PNG\x00\x01\x02\x03\x04\x05\x06"},
            {"image": base64.b64encode(b"\x89PNG\0\1\2\3\4\5\6").decode()},
        ),
        ({"note": b"nothing to hide here"}, {"note": base64.b64encode(b"nothing to hide here").decode()}),
        ({b"password": b"x"}, {base64.b64encode(b"password").decode(): "***"}),
        ({"env": (("PGPASSWORD", "x"), ("N", 1))}, {"env": [["PGPASSWORD", "***"], ["N", 1]]}),
        ({"auth": ("me", "hunter2")}, {"auth": "***"}),
        ({"auth": "basic"}, {"auth": "basic"}),
        ({"auth": {"user": "me", "password": "x"}}, {"auth": {"user": "me", "password": "***"}}),
        (
            {"password": None, "token": True, "secret": "", "key": []},
            {"password": None, "token": True, "secret": "", "key": []},
        ),
        ({"password": 123456}, {"password": "***"}),
        ({"where": Path("/x/y")}, {"where": "/x/y"}),
        ({"config": json.dumps({"apiKey": "abc"})}, {"config": '{"apiKey": ***}'}),
    ],
)
def test_values_of_every_kind(value, shown):
    assert masked(value) == shown


def test_the_overrides_of_a_run_are_masked_like_its_configuration():
    overrides = {"experiment.config.seed": "3", "+wandb.api_key": "abc", "db": "pg://u:p@h/x"}
    assert masked(overrides) == {"experiment.config.seed": "3", "+wandb.api_key": "***", "db": "pg://u:***@h/x"}


def test_secrets_in_a_configuration_are_masked():
    config = {
        "wandb": {"api_key": "abc", "entity": "me"},
        "PASSWORD": "x",
        "github-token": "y",
        "client.secret": ["a", "b"],
        "empty_password": "",
        "nested": [{"pass": 1}, {"keys": {"a": 1}}],
        "url": "mqtt://user:hidden@host:1883/x",
    }
    assert masked(config) == {
        "wandb": {"api_key": "***", "entity": "me"},
        "PASSWORD": "***",
        "github-token": "***",
        "client.secret": "***",
        "empty_password": "",
        "nested": [{"pass": "***"}, {"keys": "***"}],
        "url": "mqtt://user:***@host:1883/x",
    }


def test_classes_are_named():
    assert masked({"kind": Path}) == {"kind": f"{Path.__module__}.Path"}


@pytest.mark.parametrize("part", ["a", "a-", "-", "a=", "a: ", "x://", "https://a:", "?a=&", "'", "{", "@"])
def test_a_long_text_of_any_kind_is_read_in_time_that_grows_with_it(part):
    """A pattern that starts anew at each letter takes minutes for any of these: pytest's own timeout ends it."""
    text = part * (200_000 // len(part))
    assert masked(text) == text
