"""Checks a bank file: by the public schema of ISO 20022, its sums added up again, its accounts by their own check digits.

usage: bank_file.py SCHEMA FILE; prints how many transfers it has, and what they sum to by currency.
"""

import json
import sys
from collections import defaultdict
from decimal import Decimal
from xml.etree import ElementTree

import xmlschema
from stdnum import bic, iban

schema, path = sys.argv[1:]
xmlschema.XMLSchema(schema).validate(path)
name = {"p": "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"}
root = ElementTree.parse(path).getroot()
header = root.find(".//p:GrpHdr", name)
total, count, sums = Decimal(0), 0, defaultdict(Decimal)
for payment in root.iterfind(".//p:PmtInf", name):
    own, number = Decimal(0), 0
    for transfer in payment.iterfind("p:CdtTrfTxInf", name):
        amount = transfer.find(".//p:InstdAmt", name)
        own += Decimal(amount.text)
        number += 1
        sums[amount.get("Ccy")] += Decimal(amount.text)
        assert transfer.findtext("p:PmtId/p:EndToEndId", namespaces=name).startswith("PAYOUT-")
    assert own == Decimal(payment.findtext("p:CtrlSum", namespaces=name)), payment.findtext("p:PmtInfId", namespaces=name)
    assert number == int(payment.findtext("p:NbOfTxs", namespaces=name))
    total, count = total + own, count + number
assert total == Decimal(header.findtext("p:CtrlSum", namespaces=name)), "the control sum of the file"
assert count == int(header.findtext("p:NbOfTxs", namespaces=name)), "the number of transfers in the file"
for found in root.iterfind(".//p:IBAN", name):
    iban.validate(found.text)
for found in root.iterfind(".//p:BICFI", name):
    bic.validate(found.text)
print(json.dumps({"transfers": count, "sums": {currency: str(amount) for currency, amount in sums.items()}}))
