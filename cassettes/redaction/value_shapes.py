"""Values that are secrets by what they look like, wherever they are.

A shape has an id, keywords and an expression. The expression is only tried on texts that contain a
keyword (in lower case here, in any case there). It takes linear time: it begins with a literal, at
the beginning of a word, and what it repeats is bounded or cannot begin the expression again. The
group `secret` is what is replaced, else the whole match.

Formats of tokens: the pages of those who issue them.
"""

import re
from typing import NamedTuple


class ValueShape(NamedTuple):
    """What a secret looks like."""

    id: str
    description: str
    keywords: tuple[str, ...]
    expression: re.Pattern[str]


def _shape(rule: str, description: str, keywords: str, expression: str) -> ValueShape:
    return ValueShape(rule, description, tuple(keywords.split()), re.compile(expression))


_START = r"(?<![A-Za-z0-9_-])"
_END = r"(?![A-Za-z0-9_-])"

VALUE_SHAPES = (
    ValueShape(
        "private-key",
        "private keys in PEM",
        ("private key",),
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?P<secret>[^-]*)"
            r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?"
        ),
    ),
    _shape(
        "jwt",
        "JSON Web Tokens (RFC 7519)",
        "eyj",
        _START + r"eyJ[A-Za-z0-9_-]{5,}\.(?:eyJ)?[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){0,3}",
    ),
    _shape(
        "aws-key",
        "access keys of Amazon Web Services",
        "akia asia abia acca",
        r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])",
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
        "glpat- gldt- glrt- glcbt- glptt- glft- glsoat- glimt- glagent-",
        _START + r"gl(?:pat|dt|rt|cbt|ptt|ft|soat|imt|agent)-[A-Za-z0-9_.-]{20,}",
    ),
    _shape(
        "slack-token",
        "tokens and webhooks of Slack",
        "xox xapp- hooks.slack.com",
        _START + r"(?:xox[abceoprs]|xapp)-[A-Za-z0-9-]{10,}"
        r"|hooks\.slack\.com/services/(?P<secret>[A-Za-z0-9/]{20,})",
    ),
    _shape(
        "stripe-key",
        "keys of Stripe",
        "sk_live_ sk_test_ rk_live_ rk_test_ whsec_",
        _START + r"(?:(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{20,})",
    ),
    _shape(
        "google-key",
        "keys and tokens of Google",
        "aiza ya29. gocspx-",
        _START + r"(?:AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{28})",
    ),
    _shape(
        "service-token",
        "tokens of npm, PyPI, Docker, Vault, SendGrid, DigitalOcean, Databricks, Hugging Face,"
        " OpenAI, Anthropic, Shopify, Terraform, New Relic, Grafana, Sentry",
        "npm_ pypi-agei dckr_pat_ dckr_oat_ hvs. hvb. hvr. sg. dop_v1_ doo_v1_ dor_v1_"
        " dapi hf_ sk-proj- sk-ant- sk-svcacct- t3blbkfj shpat_ shpss_ .atlasv1."
        " nrak- glsa_ glc_ sntrys_",
        _START
        + r"(?:npm_[A-Za-z0-9]{36}|pypi-AgEI[A-Za-z0-9_-]{50,}|dckr_[po]at_[A-Za-z0-9_-]{20,}"
        r"|hv[sbr]\.[A-Za-z0-9_-]{20,}|SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64}"
        r"|do[opr]_v1_[a-f0-9]{64}|dapi[a-f0-9]{32}(?:-[0-9])?|hf_[A-Za-z0-9]{30,}"
        r"|sk-(?:proj|ant|svcacct)-[A-Za-z0-9_-]{20,}|sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}|shp(?:at|ss)_[a-fA-F0-9]{32}"
        r"|[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,}|NRAK-[A-Z0-9]{27}"
        r"|gl(?:sa|c)_[A-Za-z0-9+/=_]{32,}|sntrys_[A-Za-z0-9+/=_]{40,})",
    ),
    _shape(
        "authorization-text",
        "credentials of HTTP in any text",
        "bearer basic negotiate",
        _START + r"(?i:bearer|negotiate|basic)[ ]{1,4}(?:token=)?"
        r"(?P<secret>(?=[A-Za-z._~+/=-]{0,512}[0-9A-Z._~+/=-])[A-Za-z0-9._~+/=-]{12,})",
    ),
)
"""Rules for values, each with a stable id."""
