"""Rules over the tables: an engine, and one module per section of a document.

A rule is a function from a `View` to what it looked at and what broke it. Its module stands in the
folder of its document: `rfc9260` (the protocol) or `rfc6458` (socket calls against the wire).
"""

from sctpinspect.rules.model import Judgement, Level, Need, Rule, Status
from sctpinspect.rules.registry import all_rules, rule, select
from sctpinspect.rules.view import View

__all__ = ["Judgement", "Level", "Need", "Rule", "Status", "View", "all_rules", "rule", "select"]
