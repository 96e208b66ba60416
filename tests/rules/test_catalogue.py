"""The rules as a catalogue: their ids, citations and texts."""

import csv
import inspect
import re
from pathlib import Path

import pytest

import sctpinspect.rules
from sctpinspect.rules import Level, all_rules
from sctpinspect.rules.model import EDITIONS, HEADINGS

RULES = all_rules()
CITE = re.compile(r"(RFC \d+ §|Linux )([\d.]+|[a-z]+)( \([A-E]\d?\))?")

with open(Path(__file__).with_name("sections.csv")) as file:
    SECTIONS = {(row["document"], row["section"]) for row in csv.DictReader(file)}


@pytest.fixture(params=RULES, ids=lambda rule: rule.id)
def rule(request):
    return request.param


def test_there_are_enough_rules():
    documents = [rule.id.partition("/")[0] for rule in RULES]
    assert documents.count("rfc9260") >= 30
    assert documents.count("rfc6458") >= 20


def test_id_is_document_section_and_slug(rule):
    document, section, slug = rule.id.split("/")
    assert (document, section) in SECTIONS
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug)


def test_slugs_are_unique():
    slugs = [rule.id.rpartition("/")[2] for rule in RULES]
    assert len(slugs) == len(set(slugs))


def cited(cite):
    """Document and section, as an id has them."""
    document, section, _ = CITE.fullmatch(cite).groups()
    return document.lower().strip(" §").replace(" ", ""), section


def test_citations_exist(rule):
    assert {cited(cite) for cite in rule.cites} <= SECTIONS


def test_the_section_of_the_id_is_cited_first(rule):
    assert rule.id.startswith("/".join(cited(rule.cites[0])) + "/")


def test_module_is_that_of_the_section(rule):
    document, section, _ = rule.id.split("/")
    module = inspect.getmodule(rule.check).__name__
    package, _, name = module.rpartition(".")
    assert package == f"sctpinspect.rules.{document}"
    if document == "linux":  # whose sections are words
        assert name.partition("_")[0] == section
        return
    of_module = re.match(r"s(\d+(_\d+)*)_[a-z]", name)[1].replace("_", ".")
    assert section == of_module or section.startswith(f"{of_module}.")


def test_function_is_called_like_the_rule(rule):
    assert rule.check.__name__ == rule.id.rpartition("/")[2].replace("-", "_")


def test_text_has_a_title_and_all_headings_in_order(rule):
    title, empty, *lines = rule.text.split("\n")
    assert title == rule.title
    assert title.endswith(".")
    assert empty == ""
    found = [line.partition(":")[0] for line in lines if line.partition(":")[0] in HEADINGS]
    assert found == list(HEADINGS)
    for line in lines:
        heading, _, rest = line.partition(":")
        assert heading not in HEADINGS or rest.strip()


def test_text_names_every_citation(rule):
    references = rule.text.partition("References:")[2].split()
    for cite in rule.cites:
        assert cite in " ".join(references)


def test_level_and_edition_are_known(rule):
    assert rule.level in Level
    assert rule.since in (*EDITIONS, "RFC 6458", "RFC 6525", "RFC 6951", "Linux")
    assert rule.until is None or rule.until in EDITIONS


def test_titles_are_statements_without_scaffolding(rule):
    assert not re.search(r"TODO|FIXME|XXX|\.\.\.", rule.text)


def test_every_module_of_a_document_holds_a_rule():
    holding = {inspect.getmodule(rule.check).__name__.rpartition(".")[2] for rule in RULES}
    folder = Path(sctpinspect.rules.__file__).parent
    modules = {path.stem for path in folder.glob("*/*.py")} - {"__init__"}
    assert modules == holding


def test_titles_use_the_rfcs_words(rule):
    assert not {"INIT_ACK", "COOKIE_ECHO", "HEARTBEAT_ACK"} & set(re.findall(r"[A-Z_]+", rule.title))
