"""Tokens are found by their form. All of these are made up, and have no checksum of a real one."""

import base64

import pytest

from mesotape.cassettes.format.documents import Note
from mesotape.cassettes.redaction.redactor import Redactor

HEX = "0123456789abcdef" * 10
MIXED = "aB3dE6gH9jK2mN5pQ8sT" * 12
UPPER = "AB3DE6GH9JK2MN5PQ8ST" * 4
LOWER = MIXED.lower()
UUID = "01234567-89ab-cdef-0123-456789abcdef"

TOKENS = {
    "1password": f"ops_eyJ{MIXED}",
    "adobe": f"p8e-{LOWER[:32]}",
    "age": f"AGE-SECRET-KEY-1{UPPER[:58]}",
    "alibaba": f"LTAI{MIXED[:20]}",
    "anthropic": f"sk-ant-api03-{MIXED[:90]}",
    "artifactory": f"AKCp{MIXED[:69]}",
    "artifactory reference": f"cmVmdGtu{MIXED[:56]}",
    "atlassian": f"ATATT3{MIXED[:186]}",
    "aws": f"AKIA{UPPER[:16]}",
    "aws session": f"ASIA{UPPER[:16]}",
    "bitbucket": f"ATBB{MIXED[:32]}",
    "buildkite": f"bkua_{HEX[:40]}",
    "circleci": f"CCIPAT_{MIXED[:22]}_{HEX[:40]}",
    "clojars": f"CLOJARS_{LOWER[:60]}",
    "cloudflare": f"v1.0-{HEX[:24]}-{HEX[:146]}",
    "contentful": f"CFPAT-{MIXED[:43]}",
    "databricks": f"dapi{HEX[:32]}-2",
    "digitalocean": f"dop_v1_{HEX[:64]}",
    "docker": f"dckr_pat_{MIXED[:27]}",
    "doppler": f"dp.pt.{MIXED[:43]}",
    "duffel": f"duffel_live_{MIXED[:43]}",
    "dynatrace": f"dt0c01.{UPPER[:24]}.{UPPER[:64]}",
    "easypost": f"EZAK{MIXED[:54]}",
    "figma": f"figd_{MIXED[:40]}",
    "fly": f"fo1_{MIXED[:43]}",
    "fly macaroon": f"fm2_{MIXED[:100]}==",
    "github": f"ghp_{MIXED[:36]}",
    "github fine-grained": f"github_pat_{MIXED[:22]}_{MIXED[:59]}",
    "gitlab": f"glpat-{MIXED[:20]}",
    "gitlab deploy": f"gldt-{MIXED[:20]}",
    "gitlab runner": f"glrt-{MIXED[:20]}",
    "gitlab registration": f"GR1348941{MIXED[:20]}",
    "gitlab trigger": f"glptt-{HEX[:40]}",
    "google api": f"AIza{MIXED[:35]}",
    "google oauth": f"ya29.{MIXED[:60]}",
    "google client": f"GOCSPX-{MIXED[:28]}",
    "grafana": f"glsa_{MIXED[:32]}_{HEX[:8]}",
    "groq": f"gsk_{MIXED[:52]}",
    "heroku": f"HRKU-{UUID}",
    "huggingface": f"hf_{MIXED[:34]}",
    "infracost": f"ico-{MIXED[:32]}",
    "jwt": f"eyJ{MIXED[:20]}.eyJ{MIXED[:40]}.{MIXED[:43]}",
    "launchdarkly": f"sdk-{UUID}",
    "linear": f"lin_api_{MIXED[:40]}",
    "mailchimp": f"{HEX[:32]}-us12",
    "mailgun": f"key-{HEX[:32]}",
    "netlify": f"nfp_{MIXED[:40]}",
    "new relic": f"NRAK-{UPPER[:27]}",
    "notion": f"ntn_{MIXED[:46]}",
    "npm": f"npm_{MIXED[:36]}",
    "nuget": f"oy2{LOWER[:43]}",
    "openai": f"sk-proj-{MIXED[:60]}",
    "openai old": f"sk-{MIXED[:20]}T3BlbkFJ{MIXED[:20]}",
    "openrouter": f"sk-or-v1-{HEX[:64]}",
    "openshift": f"sha256~{MIXED[:43]}",
    "perplexity": f"pplx-{MIXED[:48]}",
    "planetscale": f"pscale_tkn_{MIXED[:43]}",
    "postman": f"PMAK-{HEX[:24]}-{HEX[:34]}",
    "prefect": f"pnu_{MIXED[:36]}",
    "pulumi": f"pul-{HEX[:40]}",
    "pypi": f"pypi-AgEIcHlwaS5vcmc{MIXED[:60]}",
    "readme": f"rdme_{LOWER[:70]}",
    "replicate": f"r8_{MIXED[:37]}",
    "rubygems": f"rubygems_{HEX[:48]}",
    "sendgrid": f"SG.{MIXED[:22]}.{MIXED[:43]}",
    "sendinblue": f"xkeysib-{HEX[:64]}-{MIXED[:16]}",
    "sentry": f"sntrys_eyJ{MIXED[:80]}",
    "sentry user": f"sntryu_{HEX[:64]}",
    "shippo": f"shippo_live_{HEX[:40]}",
    "shopify": f"shpat_{HEX[:32]}",
    "slack bot": f"xoxb-1234567890-1234567890-{MIXED[:24]}",
    "slack app": f"xapp-1-A0123456789-1234567890-{HEX[:64]}",
    "slack webhook": f"https://hooks.slack.com/services/T0123456/B0123456/{MIXED[:24]}",
    "slack workflow": f"https://hooks.slack.com/workflows/T0123456/A0123456/{MIXED[:24]}",
    "discord webhook": f"https://discord.com/api/webhooks/123456789012345678/{MIXED[:68]}",
    "teams webhook": f"https://acme.webhook.office.com/webhookb2/{UUID}@{UUID}/IncomingWebhook/{HEX[:32]}/{UUID}",
    "sonarqube": f"squ_{HEX[:40]}",
    "sourcegraph": f"sgp_{HEX[:16]}_{HEX[:40]}",
    "square": f"sq0atp-{MIXED[:22]}",
    "stripe": f"sk_live_{MIXED[:24]}",
    "stripe webhook": f"whsec_{MIXED[:32]}",
    "supabase": f"sbp_{HEX[:40]}",
    "tailscale": f"tskey-auth-{MIXED[:12]}-{MIXED[:32]}",
    "telegram": f"1234567890:AA{MIXED[:33]}",
    "terraform": f"{MIXED[:14]}.atlasv1.{MIXED[:67]}",
    "typeform": f"tfp_{MIXED[:59]}",
    "vault": f"hvs.{MIXED[:90]}",
    "xai": f"xai-{MIXED[:80]}",
    "yandex": f"AQVN{MIXED[:36]}",
    "azure client secret": f"aB3{4}Q~{MIXED[:34]}",
    "aws bedrock": f"ABSK{MIXED[:109]}=",
    "aws mws": f"amzn.mws.{UUID}",
    "facebook": f"EAAM{MIXED[:100]}",
    "1password secret key": f"A3-{UPPER[:6]}-{UPPER[:11]}-{'-'.join([UPPER[:5]] * 3)}",
    "42": f"s-s4t2ud-{HEX[:64]}",
    "authress": f"sc_{LOWER[:10]}.{LOWER[:5]}.acc_{LOWER[:12]}.{MIXED[:40]}",
    "aws old": f"A3TX{UPPER[:16]}",
    "clickhouse": f"4b1d{MIXED[:38]}",
    "defined networking": f"dnkey-{UPPER[:26]}-{MIXED[:52]}",
    "dropbox": f"sl.{MIXED[:135]}",
    "flutterwave": f"FLWSECK_TEST-{HEX[:32]}",
    "gitlab application": f"gloas-{MIXED[:64]}",
    "grafana key": f"eyJrIjoi{MIXED[:90]}",
    "harness": f"pat.{MIXED[:22]}.{MIXED[:24]}.{MIXED[:20]}",
    "jwt in base64": base64.b64encode(f"eyJ{MIXED[:30]}.eyJ{MIXED[:30]}.".encode()).decode(),
    "maxmind": f"{MIXED[:6]}_{MIXED[:29]}_mmk",
    "octopus": f"API-{UPPER[:26]}",
    "plaid": f"access-sandbox-{UUID}",
    "settlemint": f"sm_pat_{MIXED[:16]}",
    "square access": f"EAAA{MIXED[:60]}",
    "stripe prod": f"sk_prod_{MIXED[:24]}",
    "yandex iam": f"t1.{MIXED[:40]}.{MIXED[:86]}",
    "private key": f"-----BEGIN EC PRIVATE KEY-----\n{MIXED}\n-----END EC PRIVATE KEY-----",
}


@pytest.mark.parametrize("name", TOKENS)
def test_a_token_is_found_by_its_form(name: str) -> None:
    token = TOKENS[name]
    for around in ("{}", "see {} there", '{{"a": "{}"}}', "a={};b", "<{}>"):
        note = Redactor().redact(Note(note=around.format(token), at=0))
        assert token[-10:] not in note.note.replace("PRIVATE KEY-----", "")
        assert "REDACTED-1" in note.note
        assert Redactor().redact(note) is note


@pytest.mark.parametrize(
    "text",
    [
        "ghp_short",
        "flask-ant-colony sk-ant-",
        "sha256~short",
        f"sha256:{HEX[:64]}",
        f"/files/my{TOKENS['npm']}",
        f"registry/image@sha256:{HEX[:64]}",
        UUID,
        "us-east-1 eu-us1 key-value API-VERSION pul-up shippo_live_x",
        f"4b1d{HEX[:60]}",
        "API-GATEWAY access-production sl.short t1.a.b sm_pat_x EAAA A3-PAPER",
        "AKIAshort EAAM LTAI oy2 1234567890:AAshort",
    ],
)
def test_other_words_stay(text: str) -> None:
    assert Redactor().redact(Note(note=text, at=0)).note == text
