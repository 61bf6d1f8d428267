"""Values that are secrets by what they look like, wherever they are.

A shape has an id, keywords and an expression. The expression is only tried on texts that contain a
keyword (in lower case here, in any case there). It takes linear time: it begins with a literal, at
the beginning of a word, and what it repeats is bounded or cannot begin the expression again. The
group `secret` is what is replaced, else the whole match.

Formats of tokens: the pages of those who issue them.
"""

import re
from functools import cache
from typing import NamedTuple


class ValueShape(NamedTuple):
    """What a secret looks like."""

    id: str
    description: str
    keywords: tuple[str, ...]
    pattern: str

    @property
    def expression(self) -> re.Pattern[str]:
        """The expression of the pattern, compiled when it is first needed."""
        return _compiled(self.pattern)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _shape(rule: str, description: str, keywords: str, pattern: str) -> ValueShape:
    return ValueShape(rule, description, tuple(keywords.split()), pattern)


_START = r"(?<![A-Za-z0-9_-])"
_END = r"(?![A-Za-z0-9_-])"

# A token of a service begins like no word does; the service, that beginning, and what follows.
_TOKENS = r"""
    1Password      ops_eyJ             [A-Za-z0-9+/=_-]{50,}
    1Password      A3-                 [A-Z0-9]{6}-[A-Z0-9]{6,11}(?:-[A-Z0-9]{5}){3,4}
    42             s-s4t2              (?:ud|af)-[a-f0-9]{64}
    Adobe          p8e-                [A-Za-z0-9]{32}
    Age            AGE-SECRET-KEY-1    [A-Z0-9]{40,}
    Alibaba        LTAI                [A-Za-z0-9]{17,21}
    Anthropic      sk-ant-             [A-Za-z0-9_-]{20,}
    Artifactory    AKCp                [A-Za-z0-9]{60,}
    Artifactory    cmVmdGtu            [A-Za-z0-9]{50,}
    Atlassian      ATATT3              [A-Za-z0-9_=-]{60,}
    Atlassian      ATCTT3              [A-Za-z0-9_=-]{60,}
    Atlassian      ATBB                [A-Za-z0-9_=-]{24,}
    Buildkite      bkua_               [a-f0-9]{40}
    CircleCI       CCIPAT_             [A-Za-z0-9_]{30,}
    ClickHouse     4b1d                [A-Za-z0-9]{38}(?![A-Za-z0-9])
    Clojars        CLOJARS_            [A-Za-z0-9]{60}
    Cloudflare     v1.0-               [a-f0-9]{24}-[a-f0-9]{100,}
    Contentful     CFPAT-              [A-Za-z0-9_-]{40,}
    Databricks     dapi                [a-f0-9]{32}(?:-[0-9])?
    Defined_Networking dnkey-            [A-Za-z0-9=_-]{26}-[A-Za-z0-9=_-]{52}
    DigitalOcean   dop_v1_             [a-f0-9]{64}
    DigitalOcean   doo_v1_             [a-f0-9]{64}
    DigitalOcean   dor_v1_             [a-f0-9]{64}
    Docker         dckr_pat_           [A-Za-z0-9_-]{20,}
    Docker         dckr_oat_           [A-Za-z0-9_-]{20,}
    Doppler        dp.pt.              [A-Za-z0-9]{40,}
    Doppler        dp.st.              [A-Za-z0-9_.-]{40,}
    Doppler        dp.sa.              [A-Za-z0-9]{40,}
    Dropbox        sl.                 (?:u\.)?[A-Za-z0-9=_-]{130,}
    Duffel         duffel_             (?:test|live)_[A-Za-z0-9_=-]{43}
    Dynatrace      dt0c01.             [A-Z0-9]{24}\.[A-Z0-9]{64}
    EasyPost       EZAK                [A-Za-z0-9]{54}
    EasyPost       EZTK                [A-Za-z0-9]{54}
    Figma          figd_               [A-Za-z0-9_-]{40,}
    Flutterwave    FLWSECK             (?:_TEST)?-[A-Za-z0-9]{12,32}
    Fly.io         fo1_                [A-Za-z0-9_-]{40,}
    Fly.io         fm1a_               [A-Za-z0-9+/]{40,}={0,3}
    Fly.io         fm1r_               [A-Za-z0-9+/]{40,}={0,3}
    Fly.io         fm2_                [A-Za-z0-9+/]{40,}={0,3}
    Frame.io       fio-u-              [A-Za-z0-9_=-]{64}
    Grafana        glsa_               [A-Za-z0-9_]{32,}
    Grafana        glc_                [A-Za-z0-9+/=]{32,}
    Grafana        eyJrIjoi            [A-Za-z0-9]{70,}={0,3}
    Groq           gsk_                [A-Za-z0-9]{40,}
    Harness        pat.                [A-Za-z0-9_-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}
    Harness        sat.                [A-Za-z0-9_-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}
    Heroku         HRKU-               [A-Za-z0-9_-]{36,}
    Hugging_Face   hf_                 [A-Za-z0-9]{30,}
    Hugging_Face   api_org_            [A-Za-z0-9]{30,}
    Infracost      ico-                [A-Za-z0-9]{32}
    LaunchDarkly   sdk-                [a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}
    Linear         lin_api_            [A-Za-z0-9]{40}
    Mailgun        key-                [a-f0-9]{32}
    Netlify        nfp_                [A-Za-z0-9]{36,}
    New_Relic      NRAK-               [A-Z0-9]{27}
    New_Relic      NRII-               [A-Za-z0-9_-]{32}
    New_Relic      NRJS-               [a-f0-9]{19}
    Notion         ntn_                [A-Za-z0-9]{40,}
    NuGet          oy2                 [a-z0-9]{43}
    Octopus        API-                [A-Z0-9]{26}
    OpenAI         sk-proj-            [A-Za-z0-9_-]{20,}
    OpenAI         sk-svcacct-         [A-Za-z0-9_-]{20,}
    OpenAI         sk-admin-           [A-Za-z0-9_-]{20,}
    OpenRouter     sk-or-v1-           [a-f0-9]{64}
    OpenShift      sha256~             [A-Za-z0-9_-]{43}
    Perplexity     pplx-               [A-Za-z0-9]{40,}
    Plaid          access-             [a-z]{7,11}-[a-f0-9]{8}(?:-[a-f0-9]{4,12}){4}
    PlanetScale    pscale_             (?:tkn|pw|oauth)_[A-Za-z0-9_=.-]{32,}
    Postman        PMAK-               [a-f0-9]{24}-[a-f0-9]{34}
    Prefect        pnu_                [A-Za-z0-9]{36}
    Pulumi         pul-                [a-f0-9]{40}
    PyPI           pypi-Ag             [A-Za-z0-9_-]{50,}
    ReadMe         rdme_               [A-Za-z0-9]{70}
    Replicate      r8_                 [A-Za-z0-9]{37,}
    RubyGems       rubygems_           [a-f0-9]{48}
    Scalingo       tk-us-              [A-Za-z0-9_-]{48}
    SendGrid       SG.                 [A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64}
    Sendinblue     xkeysib-            [a-f0-9]{64}-[A-Za-z0-9]{16}
    Sentry         sntrys_             [A-Za-z0-9+/=_]{40,}
    Sentry         sntryu_             [a-f0-9]{64}
    SettleMint     sm_aat_             [A-Za-z0-9]{16}
    SettleMint     sm_pat_             [A-Za-z0-9]{16}
    SettleMint     sm_sat_             [A-Za-z0-9]{16}
    Shippo         shippo_             (?:live|test)_[a-f0-9]{40}
    Shopify        shpat_              [A-Fa-f0-9]{32}
    Shopify        shpca_              [A-Fa-f0-9]{32}
    Shopify        shppa_              [A-Fa-f0-9]{32}
    Shopify        shpss_              [A-Fa-f0-9]{32}
    SonarQube      sqp_                [a-f0-9]{40}
    SonarQube      squ_                [a-f0-9]{40}
    SonarQube      sqa_                [a-f0-9]{40}
    Sourcegraph    sgp_                (?:[a-f0-9]{16}_|local_)?[a-f0-9]{40}
    Square         sq0atp-             [A-Za-z0-9_-]{22,}
    Square         sq0csp-             [A-Za-z0-9_-]{43,}
    Square         EAAA                [A-Za-z0-9_-]{60}(?![A-Za-z0-9_/+=-])
    Supabase       sbp_                [a-f0-9]{40}
    Tailscale      tskey-              [A-Za-z0-9-]{16,}
    Typeform       tfp_                [A-Za-z0-9_.=-]{59}
    Vault          hvs.                [A-Za-z0-9_-]{20,}
    Vault          hvb.                [A-Za-z0-9_-]{20,}
    Vault          hvr.                [A-Za-z0-9_-]{20,}
    Yandex         AQVN                [A-Za-z0-9_-]{35,38}
    Yandex         t1.                 [A-Za-z0-9_-]{1,400}={0,2}\.[A-Za-z0-9_-]{86}={0,2}
    npm            npm_                [A-Za-z0-9]{36}
    xAI            xai-                [A-Za-z0-9]{70,}
"""


_OTHER_TOKENS = (
    (
        "Authress",
        ".acc_ .acc-",
        r"(?:sc|ext|scauth|authress)_[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc[_-][a-z0-9-]{10,32}"
        r"\.[A-Za-z0-9+/_=-]{30,}",
    ),
    ("Azure", "q~", r"[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,}"),
    (
        "Discord",
        "discord.com/api/webhooks/ discordapp.com/api/webhooks/",
        r"discord(?:app)?\.com/api/webhooks/(?P<secret>[0-9]{15,20}/[A-Za-z0-9_-]{50,})",
    ),
    ("Facebook", "eaam eaac", r"EAA[MC][A-Za-z0-9]{100,}"),
    ("Mailchimp", " ".join(f"-us{n}" for n in range(1, 10)), r"[a-f0-9]{32}-us[0-9]{1,2}(?!\w)"),
    ("MaxMind", "_mmk", r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk"),
    ("OpenAI", "t3blbkfj", r"sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}"),
    ("Teams", "webhook.office.com/", r"webhook\.office\.com/\w{1,16}/(?P<secret>[\w@/-]{40,})"),
    ("Telegram", ":aa", r"[0-9]{8,10}:AA[A-Za-z0-9_-]{32,}"),
    ("Terraform", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,}"),
)
"""The service, keywords in its tokens, and the expression."""


def _service_tokens() -> list[ValueShape]:
    rows = [line.split() for line in _TOKENS.strip().split("\n")]
    tokens = [
        *((service, begin.lower(), re.escape(begin) + rest) for service, begin, rest in rows),
        *_OTHER_TOKENS,
    ]
    services = sorted({service.replace("_", " ") for service, _, _ in tokens}, key=str.lower)
    description = f"tokens of {', '.join(services)}"
    return [
        _shape("service-token", description, keywords, _START + pattern)
        for _, keywords, pattern in tokens
    ]


VALUE_SHAPES = (
    ValueShape(
        "private-key",
        "private keys in PEM",
        ("private key",),
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?P<secret>[^-]*)"
        r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?",
    ),
    _shape(
        "jwt",
        "JSON Web Tokens (RFC 7519)",
        "eyj zxlk",
        _START + r"(?:eyJ[A-Za-z0-9_-]{5,}\.(?:eyJ)?[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){0,3}"
        r"|ZXlK[A-Za-z0-9+/]{60,}={0,2})",  # itself in base64, as in secrets of Kubernetes
    ),
    _shape(
        "aws-key",
        "access keys of Amazon Web Services",
        "akia asia abia acca a3t absk amzn.mws.",
        r"(?<![A-Za-z0-9])(?:(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}(?![A-Za-z0-9])"
        r"|ABSK[A-Za-z0-9+/]{100,}={0,2}|amzn\.mws\.[a-f0-9-]{36})",
    ),
    _shape(
        "github-token",
        "tokens of GitHub",
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        _START + r"(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})",
    ),
    _shape(
        "gitlab-token",
        "tokens of GitLab",
        "gr1348941 glffct- gloas- glwt- glpat- gldt- glrt- glcbt- glptt- glft- glsoat- glimt-"
        " glagent-",
        _START
        + r"(?:GR1348941|gl(?:pat|ffct|oas|wt|dt|rt|cbt|ptt|ft|soat|imt|agent)-)"
        + r"[A-Za-z0-9_.-]{20,}",
    ),
    _shape(
        "slack-token",
        "tokens and webhooks of Slack",
        "xox xapp- hooks.slack.com",
        _START + r"(?:xox[abceoprs]|xapp)-[A-Za-z0-9-]{10,}"
        r"|hooks\.slack\.com/[a-z]{1,16}/(?P<secret>[A-Za-z0-9/]{20,})",
    ),
    _shape(
        "stripe-key",
        "keys of Stripe",
        "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_ whsec_",
        _START + r"(?:(?:sk|rk)_(?:live|test|prod)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{20,})",
    ),
    _shape(
        "google-key",
        "keys and tokens of Google",
        "aiza ya29. gocspx-",
        _START + r"(?:AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{28})",
    ),
    *_service_tokens(),
    _shape(
        "authorization-text",
        "credentials of HTTP in any text",
        "bearer basic negotiate",
        _START + r"(?i:bearer|negotiate|basic)[ ]{1,4}(?:token=)?"
        r"(?P<secret>(?=[A-Za-z._~+/=-]{0,512}[0-9A-Z._~+/=-])[A-Za-z0-9._~+/=-]{12,})",
    ),
)
"""Rules for values, each with a stable id."""
