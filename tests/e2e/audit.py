"""An auditor who trusts nothing but the journal: recomputes every partner's statements and balances and every figure of the
investors' page from it, and compares them with what the registry says. It shares no code with the ledger.

usage: audit.py FOLDER, which holds books.journal, rates.json, statements.json, balances.json, figures.json and accounts.json.
Prints what was compared as JSON; differences go to stderr, and make it fail.
"""

import json
import re
import sys
from collections import defaultdict
from datetime import datetime, timezone
from pathlib import Path

DIGITS = {"USD": 2, "EUR": 2, "GBP": 2, "JPY": 0}
folder = Path(sys.argv[1])
load = lambda name: json.loads((folder / name).read_text())
differences = []


def compare(what, found, expected):
    if found != expected:
        differences.append(f"{what}: the registry says {found}, the journal {expected}")


def half_even(numerator, denominator):
    whole, rest = divmod(numerator, denominator)
    if rest * 2 > denominator or (rest * 2 == denominator and whole % 2 == 1):
        whole += 1
    return whole


# The journal.

header = re.compile(r"^(\d{4}-\d\d-\d\d) \* \((\d+)\) (\S+) \| (.*)$")
posting = re.compile(r"^    (\S.*?)\s{2,}(-?\d+) ([A-Z]{3})minor$")
transactions = []
for line in (folder / "books.journal").read_text().splitlines():
    if match := header.match(line):
        transactions.append({"id": int(match[2]), "kind": match[3], "links": {}, "postings": []})
    elif line.startswith("    ; "):
        name, _, value = line[6:].partition(": ")
        transactions[-1]["links"][name] = value
    elif match := posting.match(line):
        transactions[-1]["postings"].append((match[1].strip(), match[3], int(match[2])))

for transaction in transactions:
    sums = defaultdict(int)
    for _, currency, minor in transaction["postings"]:
        sums[currency] += minor
    compare(f"transaction {transaction['id']}", {c: m for c, m in sums.items() if m}, {})
    transaction["month"] = transaction["links"]["at"][:7]
months = sorted({transaction["month"] for transaction in transactions})


# Statements and balances.

def partners_account(account):
    if match := re.match(r"^liabilities:partner:([^:]+):(.+)$", account):
        return match[1], match[2]
    if match := re.match(r"^assets:receivable:partner:(.+)$", account):
        return match[1], "owed"
    return None


held = defaultdict(lambda: defaultdict(int))
by_month = defaultdict(list)
for transaction in transactions:
    by_month[transaction["month"]].append(transaction)

statements = {(s["partner"], s["currency"], s["month"]): s for s in load("statements.json")}
compared = {"statements": 0, "lines": 0, "balances": 0, "figures": 0, "accounts": 0}
closed = sorted({month for _, _, month in statements})
for month in months:
    opening = {key: {a: m for a, m in accounts.items() if m} for key, accounts in held.items()}
    lines = defaultdict(dict)
    for transaction in by_month[month]:
        for account, currency, minor in transaction["postings"]:
            if place := partners_account(account):
                key = (place[0], currency)
                changes = lines[key].setdefault(transaction["id"], defaultdict(int))
                changes[place[1]] -= minor
                held[key][place[1]] -= minor
    if month not in closed:
        continue
    for key in {key for key, accounts in opening.items() if accounts} | set(lines):
        said = statements.pop((*key, month), None)
        if said is None:
            differences.append(f"there is no statement of {key} for {month}")
            continue
        compared["statements"] += 1
        compare(f"opening of {key} in {month}", said["opening"], opening.get(key, {}))
        compare(f"closing of {key} in {month}", said["closing"], {a: m for a, m in held[key].items() if m})
        compare(f"lines of {key} in {month}", {line["transaction"]: line["changes"] for line in said["lines"]},
                {number: dict(changes) for number, changes in lines[key].items()})
        compared["lines"] += len(said["lines"])
compare("statements that nothing in the journal explains", sorted(map(str, statements)), [])

names = {"accrued": "accrued", "on_hold": "pending", "reserve": "reserve", "available": "available",
         "disputed": "disputed", "in_transit": "in transit", "owed": "owed"}
for partner, balances in load("balances.json").items():
    for balance in balances:
        currency = balance["available"]["currency"]
        for name, account in names.items():
            # What is owed back is a debit: it stands below zero among what is owed to the partner.
            expected = held[(partner, currency)][account] * (-1 if account == "owed" else 1)
            compare(f"{name} of {partner}", balance[name]["minor"], expected)
            compared["balances"] += 1

# Every account, as the API has it.
totals = defaultdict(int)
for transaction in transactions:
    for account, currency, minor in transaction["postings"]:
        totals[(account, currency)] += minor
said = {(row["account"], row["balance"]["currency"]): row["balance"]["minor"] for row in load("accounts.json")}
for key in set(said) | set(totals):
    compare(f"balance of {key}", said.get(key, 0), totals.get(key, 0))
    compared["accounts"] += 1


# Figures.

rates = load("rates.json")


def to_usd(minor, currency, day):
    if currency == "USD":
        return minor
    known = [rate for rate in rates if rate["day"] <= day and {rate["base"], rate["quote"]} == {currency, "USD"}]
    known.sort(key=lambda rate: rate["base"])
    known.sort(key=lambda rate: rate["day"], reverse=True)
    rate = known[0]
    over, under = rate["numerator"], rate["denominator"]
    if rate["base"] != currency:
        over, under = under, over
    return half_even(minor * over * 100, under * 10 ** DIGITS[currency])


def end_of(month):
    year, number = int(month[:4]), int(month[5:])
    return datetime(year + number // 12, number % 12 + 1, 1, tzinfo=timezone.utc)


def instant(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


periods, ended = defaultdict(list), {}
for transaction in transactions:
    links = transaction["links"]
    if transaction["kind"] == "written-off":
        ended[links["invoice"]] = instant(links["at"])
    if transaction["kind"] == "invoice" and "tier" in links and int(links["price"]) > 0:
        periods[links["customer"]].append({
            "invoice": links["invoice"], "tier": links["tier"], "from": instant(links["from"]), "to": instant(links["to"]),
            "monthly": half_even(int(links["price"]), int(links["months"])), "currency": links["currency"],
        })


def accounts_at(month):
    found = {}
    end = end_of(month)
    day = datetime.fromtimestamp(end.timestamp() - 1, timezone.utc).strftime("%Y-%m-%d")
    for customer, all_of in periods.items():
        for index, period in enumerate(all_of):
            until = min([period["to"], ended.get(period["invoice"], period["to"])]
                        + [later["from"] for later in all_of[index + 1:index + 2]])
            if period["from"] < end <= until:
                found[customer] = (period["tier"], to_usd(period["monthly"], period["currency"], day))
    return found


def first_number(value):
    return None if value is None else value["minor"]


figures = load("figures.json")
first, last = months[0], figures[-1]["month"]
all_months = [f"{year:04}-{month:02}" for year in range(int(first[:4]), int(last[:4]) + 1) for month in range(1, 13)]
all_months = [month for month in all_months if first <= month <= last]
basis = []
for month in all_months:
    day = datetime.fromtimestamp(end_of(month).timestamp() - 1, timezone.utc).strftime("%Y-%m-%d")
    posted = defaultdict(int)
    for transaction in by_month[month]:
        for account, currency, minor in transaction["postings"]:
            posted[(account, currency)] += minor
    usd = defaultdict(int)
    for (account, currency), minor in posted.items():
        if account.startswith(("revenue:", "expenses:")):
            usd[account] += to_usd(minor, currency, day)
    basis.append({"accounts": accounts_at(month), "usd": usd})

TIERS = ["developer", "team", "enterprise", "enterprise-plus"]
COSTS = ["expenses:processor fees", "expenses:dispute fees", "expenses:payout fees", "expenses:hosting"]
spent_on = lambda month, tier: month["usd"].get(f"expenses:acquisition:{tier}", 0)
ratio = lambda over, under: {"numerator": over, "denominator": under} if under > 0 else None
for index, (month, said) in enumerate(zip(all_months, figures)):
    compare("month", said["month"], month)
    now = basis[index]["accounts"]
    before = basis[index - 1]["accounts"] if index else {}
    usd = basis[index]["usd"]
    mrr = sum(minor for _, minor in now.values())
    plans, commission = -usd["revenue:plans"], -usd["revenue:commission"]
    cost = sum(usd[account] for account in COSTS)
    changes = {name: now.get(name, (0, 0))[1] - before.get(name, (0, 0))[1] for name in set(now) | set(before)}
    both = set(now) & set(before)
    expected = {
        "mrr": mrr, "arr": 12 * mrr, "plans": plans, "commission": commission, "cost": cost,
        "new": sum(changes[name] for name in set(now) - set(before)),
        "churn": -sum(changes[name] for name in set(before) - set(now)),
        "expansion": sum(max(changes[name], 0) for name in both),
        "contraction": -sum(min(changes[name], 0) for name in both),
        "arpa": half_even(mrr, len(now)) if now else None,
        "acquisition": sum(minor for account, minor in usd.items() if account.startswith("expenses:acquisition:")),
    }
    for name, minor in expected.items():
        compare(f"{name} of {month}", first_number(said[name]), minor)
        compared["figures"] += 1
    compare(f"accounts of {month}", said["accounts"], len(now))
    margin = ratio(plans + commission - cost, plans + commission)
    compare(f"gross margin of {month}", said["gross_margin"], margin)
    if index >= 12:
        then = basis[index - 12]["accounts"]
        had = sum(minor for _, minor in then.values())
        has = {name: now.get(name, (0, 0))[1] for name in then}
        compare(f"NRR of {month}", said["nrr"], ratio(sum(has.values()), had))
        compare(f"GRR of {month}", said["grr"], ratio(sum(min(has[name], then[name][1]) for name in then), had))
        compared["figures"] += 2
    if index >= 5:
        quarter = lambda part: sum(-month["usd"]["revenue:plans"] for month in part)
        earlier, later = basis[index - 5:index - 2], basis[index - 2:index + 1]
        spent = sum(minor for month in earlier for account, minor in month["usd"].items()
                    if account.startswith("expenses:acquisition:"))
        compare(f"magic number of {month}", said["magic_number"], ratio(4 * (quarter(later) - quarter(earlier)), spent))
        compared["figures"] += 1
    won = lambda at: {name: tier for name, (tier, _) in basis[at]["accounts"].items()
                      if at == 0 or name not in basis[at - 1]["accounts"]}
    lost = lambda at: {name: tier for name, (tier, _) in basis[at - 1]["accounts"].items()
                       if name not in basis[at]["accounts"]} if at else {}
    for tier, segment in zip(TIERS, said["segments"]):
        count = lambda of: sum(1 for found in of.values() if found == tier)
        own = [minor for found, minor in now.values() if found == tier]
        spent = sum(spent_on(basis[at], tier) for at in range(max(index - 2, 0), index + 1))
        won_in_quarter = sum(count(won(at)) for at in range(max(index - 2, 0), index + 1))
        cac = half_even(spent, won_in_quarter) if won_in_quarter else None
        year = range(max(index - 11, 0), index + 1)
        gone = sum(count(lost(at)) for at in year)
        exposed = sum(sum(1 for found, _ in basis[at - 1]["accounts"].values() if found == tier) for at in year if at)
        ltv = None
        if margin and own and gone:
            share = half_even(sum(own) * margin["numerator"], margin["denominator"])
            ltv = half_even(share * exposed, len(own) * gone)
        compare(f"{tier} in {month}", [segment["tier"], segment["accounts"], segment["mrr"]["minor"], segment["won"],
                                       segment["lost"], first_number(segment["cac"]), first_number(segment["ltv"])],
                [tier, len(own), sum(own), count(won(index)), count(lost(index)), cac, ltv])
        compare(f"LTV/CAC of {tier} in {month}", segment["ltv_to_cac"],
                None if ltv is None or cac is None else ratio(ltv, cac))
        compared["figures"] += 8

print(json.dumps(compared))
for difference in differences[:20]:
    print(difference, file=sys.stderr)
sys.exit(1 if differences else 0)
