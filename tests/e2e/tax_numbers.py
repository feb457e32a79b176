"""Makes tax numbers, right ones and wrong ones, and prints what python-stdnum says of each: [country, number, whether it is right].

usage: tax_numbers.py COUNT; so many of each country.
"""

import json
import random
import sys

from stdnum.no import mva
from stdnum.us import ein
from stdnum.util import get_cc_module

# What numbers look like, without the letters of their country: # is a digit, @ a letter.
SHAPES = {
    "AT": ["U########"],
    "BE": ["0#########", "1#########"],
    "BG": ["#########", "##########"],
    "CY": ["########@"],
    "CZ": ["########", "#########", "6########", "##########", "##5#######"],
    "DE": ["#########"],
    "DK": ["########"],
    "EE": ["#########"],
    "ES": ["@#######@", "########@", "@########", "########@", "X#######@", "K#######@", "J########"],
    "FI": ["########"],
    "FR": ["###########", "@@#########", "@##########", "#@#########"],
    "GR": ["#########"],
    "HR": ["###########"],
    "HU": ["########"],
    "IE": ["#######@", "#@#####@", "#######@@", "#+#####@"],
    "IT": ["###########", "#######0###", "#######120#"],
    "LT": ["#######1#", "##########1#"],
    "LU": ["########"],
    "LV": ["###########", "32#########", "0101#######"],
    "MT": ["########"],
    "NL": ["#########B##"],
    "PL": ["##########"],
    "PT": ["#########"],
    "RO": ["##", "###", "####", "#####", "######", "#######", "########", "#########", "##########", "#############", "1850101######"],
    "SE": ["##########01"],
    "SI": ["########"],
    "SK": ["##########", "##01######"],
    "GB": ["#########", "############", "GD###", "HA###", "GD8888#####", "HA8888#####"],
    "CH": ["E#########MWST", "E#########TVA"],
    "NO": ["#########MVA"],
    "XI": ["#########", "############", "GD###", "HA###", "GD8888#####", "HA8888#####"],
}
LETTERS = {"GR": "EL"}
# Northern Ireland has letters of its own.
COUNTRIES = {"XI": "GB"}
random.seed(16931)


def validator(country):
    return mva if country == "NO" else get_cc_module(COUNTRIES.get(country, country).lower(), "vat")


def made(shape):
    fill = {"#": "0123456789", "@": "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
    return "".join(random.choice(fill.get(letter, letter)) for letter in shape)


def changed(number):
    place = random.randrange(len(number))
    return number[:place] + random.choice("0123456789ABUXYZ") + number[place + 1 :]


numbers = []
for country, shapes in SHAPES.items():
    check, letters = validator(country), LETTERS.get(country, country)
    for _ in range(int(sys.argv[1])):
        number = letters + made(random.choice(shapes))
        # Right ones are rare: some are looked for, and some are made wrong by one letter.
        for _ in range(random.choice([0, 200])):
            if check.is_valid(number):
                break
            number = letters + made(random.choice(shapes))
        if random.random() < 0.2:
            number = letters + changed(number[len(letters) :])
        numbers.append([COUNTRIES.get(country, country), number, check.is_valid(number)])
# What an employer's number begins with is not looked at.
right = [number for number in (made("##-#######") for _ in range(1000)) if ein.is_valid(number)]
numbers.extend(["US", number, True] for number in right)
print(json.dumps(numbers))
