"""An auditor who trusts nothing but the journal: recomputes every partner's statements and balances and every figure of the
investors' page from it, and compares them with what the registry says. It shares no code with the ledger.

usage: audit.py FOLDER, which holds books.journal, rates.json, statements.json, balances.json, figures.json, cohorts.json and
accounts.json.
Prints what was compared as JSON; differences go to stderr, and make it fail.
"""

import json
import re
import sys
from collections import defaultdict
from datetime import datetime, timedelta, timezone
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
compared = {"statements": 0, "lines": 0, "balances": 0, "figures": 0, "cohorts": 0, "accounts": 0}
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


figures = load("figures.json")
INSTANT = timedelta(microseconds=1)


def instant(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def end_of(month):
    """The first moment that is not counted in a month: now, for the one that is not over."""
    year, number = int(month[:4]), int(month[5:])
    end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=timezone.utc)
    now = figures[-1]["to_date"]
    return min(end, instant(now) + INSTANT) if now else end


def last_day_of(month):
    return (end_of(month) - INSTANT).strftime("%Y-%m-%d")


def posted_to(transaction, wanted):
    return sum(minor for account, _, minor in transaction["postings"] if wanted(account))


# A subscription lasts until its period is over, all of its invoice has gone back, or nothing that its customer was invoiced for is left
# to be had: it was ended, given up, or its rest given back. Of those that last the latest one counts, so that what an upgrade came
# instead of holds again once that has gone back.
DEFERRED, PLANS = "liabilities:deferred:plans", "revenue:plans"
periods, by_invoice, deferred = defaultdict(list), {}, defaultdict(list)
for transaction in transactions:
    links = transaction["links"]
    customer, at = links.get("customer"), instant(links["at"])
    less = posted_to(transaction, lambda account: account == DEFERRED)
    if transaction["kind"] == "invoice" and "tier" in links and int(links["price"]) > 0:
        period = {
            "tier": links["tier"], "from": instant(links["from"]), "until": instant(links["to"]),
            "monthly": half_even(int(links["price"]), int(links["months"])), "currency": links["currency"],
            "charged": -less, "given_back": 0,
        }
        periods[customer].append(period)
        by_invoice[links["invoice"]] = period
    period = by_invoice.get(links.get("invoice"))
    if transaction["kind"] in ("refund", "dispute-lost") and period and period["charged"] > 0:
        period["given_back"] += posted_to(transaction, lambda account: account in (DEFERRED, PLANS))
        if period["given_back"] >= period["charged"]:
            period["until"] = min(period["until"], at)
    if less:
        left = deferred[customer][-1][1] if deferred[customer] else 0
        deferred[customer].append((at, left - less, len(periods[customer])))

for customer, changes in deferred.items():
    for (at, left, begun), following in zip(changes, [*changes[1:], None]):
        # What is booked at one moment is looked at when all of it is, or before the next period begins.
        if left == 0 and (following is None or (following[0], following[2]) != (at, begun)):
            for period in periods[customer][:begun]:
                period["until"] = min(period["until"], at)


def accounts_at(month):
    found, end = {}, end_of(month)
    for customer, all_of in periods.items():
        for period in all_of:
            if period["from"] < end <= period["until"]:
                found[customer] = (period["tier"], to_usd(period["monthly"], period["currency"], last_day_of(month)))
    return found


def first_number(value):
    return None if value is None else value["minor"]


# What is neither what was sold nor what was earned of it: what is paid with, and taxes.
PAID_WITH = ("assets:bank", "assets:processor clearing", "assets:receivable:customers", "liabilities:suspense",
             "liabilities:credit:", "liabilities:tax:")


def sold_in(month):
    """GMV, what was kept of it, and what was kept of services: by seller and currency, as it is converted. Journals have no commas in
    tags: what was given up and is sold again comes from `…, again`."""
    rows = defaultdict(lambda: [0, 0])
    for transaction in by_month[month]:
        links = transaction["links"]
        if transaction["kind"] == "sale" and transaction["postings"] and not links["source"].endswith(" again"):
            currency = transaction["postings"][0][1]
            row = rows[(links["seller"], "plugin" in links, currency)]
            row[0] += posted_to(transaction, lambda account: account == "assets:receivable:unbilled")
            row[1] -= posted_to(transaction, lambda account: account == "revenue:commission")
    usd = {key: [to_usd(minor, key[2], last_day_of(month)) for minor in row] for key, row in rows.items()}
    return (sum(gross for gross, _ in usd.values()), sum(kept for _, kept in usd.values()),
            sum(kept for key, (_, kept) in usd.items() if not key[1]))


def taken_back_in(month):
    """What credit notes gave back, without taxes, and what customers' banks took back for good, with them."""
    refunds, lost = 0, defaultdict(int)
    for transaction in by_month[month]:
        if transaction["kind"] == "refund":
            net = posted_to(transaction, lambda account: not account.startswith(PAID_WITH))
            refunds += to_usd(net, transaction["postings"][0][1], last_day_of(month))
        if transaction["kind"] == "dispute-lost":
            for account, currency, minor in transaction["postings"]:
                lost[currency] -= minor if account == "assets:disputes held" else 0
    return refunds, sum(to_usd(minor, currency, last_day_of(month)) for currency, minor in lost.items())


first, last = months[0], figures[-1]["month"]
all_months = [f"{year:04}-{month:02}" for year in range(int(first[:4]), int(last[:4]) + 1) for month in range(1, 13)]
all_months = [month for month in all_months if first <= month <= last]
basis = []
for month in all_months:
    posted = defaultdict(int)
    for transaction in by_month[month]:
        for account, currency, minor in transaction["postings"]:
            posted[(account, currency)] += minor
    usd = defaultdict(int)
    for (account, currency), minor in posted.items():
        if account.startswith(("revenue:", "expenses:")):
            usd[account] += to_usd(minor, currency, last_day_of(month))
    basis.append({"accounts": accounts_at(month), "usd": usd})

TIERS = ["developer", "team", "enterprise", "enterprise-plus"]
COSTS = ["expenses:processor fees", "expenses:dispute fees", "expenses:payout fees", "expenses:bank fees", "expenses:hosting"]
spent_on = lambda month, tier: sum(minor for account, minor in month["usd"].items()
                                   if account.startswith("expenses:acquisition:") and tier in (None, account.split(":")[2]))
ratio = lambda over, under: {"numerator": over, "denominator": under} if under > 0 else None
revenue_of = lambda month: -month["usd"]["revenue:plans"] - month["usd"]["revenue:commission"]
mrr_of = lambda month: sum(minor for _, minor in month["accounts"].values())
millionths = lambda of: half_even(of["numerator"] * 10**6, of["denominator"])
won = lambda at: {name: tier for name, (tier, _) in basis[at]["accounts"].items()
                  if at == 0 or name not in basis[at - 1]["accounts"]}
lost = lambda at: {name: tier for name, (tier, _) in basis[at - 1]["accounts"].items()
                   if name not in basis[at]["accounts"]} if at else {}


def economics(index, tier, margin):
    """How many accounts of a tier, or of all, there are, were won and lost; MRR, CAC, LTV, LTV/CAC and the months of payback."""
    count = lambda of: sum(1 for found in of if tier in (None, found))
    own = [minor for found, minor in basis[index]["accounts"].values() if tier in (None, found)]
    quarter, year = range(max(index - 2, 0), index + 1), range(max(index - 11, 0), index + 1)
    won_in_quarter = sum(count(won(at).values()) for at in quarter)
    cac = half_even(sum(spent_on(basis[at], tier) for at in quarter), won_in_quarter) if won_in_quarter else None
    gone = sum(count(lost(at).values()) for at in year)
    exposed = sum(count(found for found, _ in basis[at - 1]["accounts"].values()) for at in year if at)
    share = half_even(sum(own) * margin["numerator"], margin["denominator"]) if margin else None
    ltv = half_even(share * exposed, len(own) * gone) if margin and own and gone else None
    return {
        "accounts": len(own), "mrr": sum(own), "won": count(won(index).values()), "lost": count(lost(index).values()),
        "cac": cac, "ltv": ltv, "ltv_to_cac": None if ltv is None or cac is None else ratio(ltv, cac),
        "payback": None if cac is None or share is None else ratio(cac * len(own), share),
    }


for index, (month, said) in enumerate(zip(all_months, figures)):
    compare("month", said["month"], month)
    compare(f"whether {month} is to date", said["to_date"] is not None, index + 1 == len(figures))
    now = basis[index]["accounts"]
    before = basis[index - 1]["accounts"] if index else {}
    usd = basis[index]["usd"]
    mrr, revenue = mrr_of(basis[index]), revenue_of(basis[index])
    plans, commission, bad_debt = -usd["revenue:plans"], -usd["revenue:commission"], usd["expenses:bad debt"]
    cost = sum(usd[account] for account in COSTS)
    (gmv, kept, services), (refunds, chargebacks) = sold_in(month), taken_back_in(month)
    margin = ratio(revenue - cost - bad_debt, revenue)
    whole = economics(index, None, margin)
    changes = {name: now.get(name, (0, 0))[1] - before.get(name, (0, 0))[1] for name in set(now) | set(before)}
    both = set(now) & set(before)
    expected = {
        "mrr": mrr, "arr": 12 * mrr, "revenue": revenue, "plans": plans, "commission": commission, "cost": cost,
        "gmv": gmv, "refunds": refunds, "chargebacks": chargebacks, "bad_debt": bad_debt,
        "new": sum(changes[name] for name in set(now) - set(before)),
        "churn": -sum(changes[name] for name in set(before) - set(now)),
        "expansion": sum(max(changes[name], 0) for name in both),
        "contraction": -sum(min(changes[name], 0) for name in both),
        "arpa": half_even(mrr, len(now)) if now else None,
        "acquisition": spent_on(basis[index], None), "cac": whole["cac"], "ltv": whole["ltv"],
    }
    for name, minor in expected.items():
        compare(f"{name} of {month}", first_number(said[name]), minor)
        compared["figures"] += 1
    compare(f"accounts of {month}", said["accounts"], len(now))
    year = basis[max(index - 11, 0):index + 1]
    spent = sum(minor for part in year for account, minor in part["usd"].items()
                if account.startswith("expenses:") and account != "expenses:fx loss")
    earned = sum(map(revenue_of, year))
    operating = ratio(earned - spent, earned)
    growth, nrr, grr = None, None, None
    if index >= 12:
        then = basis[index - 12]["accounts"]
        had = mrr_of(basis[index - 12])
        has = {name: now.get(name, (0, 0))[1] for name in then}
        growth = ratio(mrr - had, had)
        nrr, grr = ratio(sum(has.values()), had), ratio(sum(min(has[name], then[name][1]) for name in then), had)
    magic = None
    if index >= 5:
        quarter = lambda part: sum(-month["usd"]["revenue:plans"] for month in part)
        earlier, later = basis[index - 5:index - 2], basis[index - 2:index + 1]
        magic = ratio(4 * (quarter(later) - quarter(earlier)), sum(spent_on(part, None) for part in earlier))
    expected = {
        "gross_margin": margin, "take_rate": ratio(kept, gmv), "nrr": nrr, "grr": grr, "magic_number": magic,
        "growth": growth, "operating_margin": operating, "ltv_to_cac": whole["ltv_to_cac"], "payback": whole["payback"],
        "rule_of_40": ratio(millionths(growth) + millionths(operating), 10**6) if growth and operating else None,
        "mix": {"subscriptions": ratio(plans, revenue), "revenue_share": ratio(commission - services, revenue),
                "services": ratio(services, revenue)},
    }
    for name, found in expected.items():
        compare(f"{name} of {month}", said[name], found)
        compared["figures"] += 1
    for tier, segment in zip(TIERS, said["segments"]):
        own = economics(index, tier, margin)
        compare(f"{tier} in {month}",
                {"tier": segment["tier"], "accounts": segment["accounts"], "won": segment["won"], "lost": segment["lost"],
                 "ltv_to_cac": segment["ltv_to_cac"], **{name: first_number(segment[name]) for name in ("mrr", "cac", "ltv")}},
                {"tier": tier, **{name: value for name, value in own.items() if name != "payback"}})
        compared["figures"] += 8


# Cohorts.

first_paid, bought = {}, defaultdict(set)
for transaction in transactions:
    links, month = transaction["links"], transaction["month"]
    if transaction["kind"] == "invoice-paid":
        first_paid[links["customer"]] = min(month, first_paid.get(links["customer"], month))
    if transaction["kind"] == "sale":
        bought[month].add(links["customer"])
said = load("cohorts.json")["cohorts"]
compare("customers", sorted(name for cohort in said for name in cohort["accounts"]), sorted(first_paid))
for cohort in said:
    members = sorted(name for name, month in first_paid.items() if month == cohort["month"])
    compare(f"the cohort of {cohort['month']}", (cohort["accounts"], cohort["customers"]), (members, len(members)))
    begin = None
    following = [(month, part) for month, part in zip(all_months, basis) if month >= cohort["month"]]
    compare(f"how long the cohort of {cohort['month']} is followed", len(cohort["months"]), len(following))
    for cell, (month, part) in zip(cohort["months"], following):
        mrr = sum(part["accounts"].get(name, (0, 0))[1] for name in members)
        begin = mrr if begin is None else begin
        active = sum(1 for name in members if name in part["accounts"] or name in bought[month])
        compare(f"the cohort of {cohort['month']} in {month}",
                (cell["month"], cell["active"], cell["by_count"], first_number(cell["mrr"]), cell["by_mrr"]),
                (month, active, ratio(active, len(members)), mrr, ratio(mrr, begin)))
        compared["cohorts"] += 1

print(json.dumps(compared))
for difference in differences[:20]:
    print(difference, file=sys.stderr)
sys.exit(1 if differences else 0)
