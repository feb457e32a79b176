"""Validates documents by the public rules of EN 16931: the schema and the schematron of Factur-X (profile EN 16931).

usage: invoices.py FOLDER; FOLDER has the documents as XML. Prints what each is, by the name of its file.
"""

import json
import sys
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import facturx
from lxml import etree
from saxonche import PySaxonProcessor

RULES = Path(facturx.__file__).parent / "xsd_and_schematron/facturx-en16931"
SVRL = "{http://purl.oclc.org/dsdl/svrl}"
RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"
schema = etree.XMLSchema(file=str(RULES / "Factur-X_EN16931.xsd"))
processor = PySaxonProcessor(license=False)
schematron = processor.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(RULES / "FACTUR-X_EN16931.xslt"))


def broken(text):
    """Which rules a document breaks. Some are always looked at: no answer is no answer."""
    schema.assertValid(etree.fromstring(text.encode()))
    report = etree.fromstring(schematron.transform_to_string(xdm_node=processor.parse_xml(xml_text=text)).encode())
    assert len(report.findall(f".//{SVRL}fired-rule")) > 40, "the rules were not applied"
    return [rule.get("id") for kind in ("failed-assert", "successful-report") for rule in report.iter(SVRL + kind)]


def amounts(root, path):
    return [Decimal(found.text) for found in root.iter(RAM + path)]


documents = {}
for file in sorted(Path(sys.argv[1]).glob("*.xml")):
    text = file.read_text(encoding="utf-8")
    assert not broken(text), f"{file.name}: {broken(text)}"
    root = etree.fromstring(text.encode())
    (net,) = amounts(root, "TaxBasisTotalAmount")
    (tax,) = amounts(root, "TaxTotalAmount")
    (total,) = amounts(root, "GrandTotalAmount")
    lines = amounts(root, "LineTotalAmount")
    assert sum(lines[:-1]) == lines[-1] == net and net + tax == total, file.name
    rates = amounts(root, "RateApplicablePercent") or [Decimal(0)]
    assert len(set(rates)) == 1, file.name
    exact = (net * rates[0] / 100).quantize(Decimal(1).scaleb(net.as_tuple().exponent), rounding=ROUND_HALF_EVEN)
    # What is given back in parts, and what a partner gets with its tax in it, is rounded elsewhere.
    assert abs(exact - tax) <= Decimal(1).scaleb(net.as_tuple().exponent), (file.name, exact, tax)
    exchanged = root.find("{*}ExchangedDocument")
    documents[file.stem] = {
        "number": exchanged.findtext(RAM + "ID"),
        "type": exchanged.findtext(RAM + "TypeCode"),
        "category": root.findtext(f".//{RAM}ApplicableTradeTax/{RAM}CategoryCode"),
        "rate": str(rates[0]),
        "net": str(net),
        "tax": str(tax),
        "currency": root.findtext(f".//{RAM}InvoiceCurrencyCode"),
        "notes": [note.text for note in exchanged.iter(RAM + "Content")],
        "corrects": root.findtext(f".//{RAM}InvoiceReferencedDocument/{RAM}IssuerAssignedID"),
        "exact": exact == tax,
    }
    # A validator that takes everything proves nothing.
    wrong = text.replace(f">{tax}</ram:CalculatedAmount>", f">{tax + 20}</ram:CalculatedAmount>")
    assert broken(wrong), f"{file.name} may say what it wants"
print(json.dumps(documents))
