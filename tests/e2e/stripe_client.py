"""Stripe's own library, as a check of what the tests use in its place: that its client can talk to the local endpoint, and that it
signs and verifies webhooks as the registry does.

usage: stripe_client.py talk URL KEY     creates a payment and a transfer, repeats one and changes it; prints their ids
       stripe_client.py sign SECRET      reads a body, and prints its Stripe-Signature header
"""

import json
import sys
import time

import stripe

if sys.argv[1] == "sign":
    body = sys.stdin.read()
    at = int(time.time())
    signature = stripe.WebhookSignature._compute_signature(f"{at}.{body}", sys.argv[2])
    header = f"t={at},v1={signature}"
    stripe.WebhookSignature.verify_header(body, header, sys.argv[2], 300)
    print(header)
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
