"""Stripe's own library, as a check of what the tests use in its place: that its client can talk to the local endpoint, and that it
signs and verifies webhooks as the registry does.

usage: stripe_client.py talk URL KEY     creates a payment and a transfer, repeats one and changes it; prints their ids
       stripe_client.py sign SECRET      reads a body, and prints its Stripe-Signature header
       stripe_client.py tell URL SECRET  reads a body from each line, sends it signed, and prints the status of the answer
"""

import json
import sys
import time
import urllib.error
import urllib.request

import stripe


def sign(body, secret):
    at = int(time.time())
    signature = stripe.WebhookSignature._compute_signature(f"{at}.{body}", secret)
    header = f"t={at},v1={signature}"
    stripe.WebhookSignature.verify_header(body, header, secret, 300)
    return header


def send(url, body, secret):
    headers = {"Stripe-Signature": sign(body, secret), "Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body.encode(), headers)) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


if sys.argv[1] == "sign":
    print(sign(sys.stdin.read(), sys.argv[2]))
    sys.exit()
if sys.argv[1] == "tell":
    for line in sys.stdin:
        print(send(sys.argv[2], line.rstrip("\n"), sys.argv[3]), flush=True)
    sys.exit()

client = stripe.StripeClient(sys.argv[3], base_addresses={"api": sys.argv[2]})
parameters = {"amount": 1234, "currency": "usd", "metadata": {"subject": "a test"}}
options = {"idempotency_key": "same"}
first = client.v1.payment_intents.create(parameters, options)
assert client.v1.payment_intents.create(parameters, options).id == first.id
try:
    client.v1.payment_intents.create({**parameters, "amount": 1}, options)
    sys.exit("the same key was taken for something else")
except stripe.IdempotencyError:
    pass
read = client.v1.payment_intents.retrieve(first.id, {"expand": ["latest_charge.balance_transaction"]})
assert read.latest_charge.balance_transaction.fee > 0
transfer = client.v1.transfers.create({"amount": 10, "currency": "usd", "destination": "acct_1"}, {"idempotency_key": "t"})
print(json.dumps({"payment": first.id, "transfer": transfer.id}))
