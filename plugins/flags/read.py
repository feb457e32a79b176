"""Reads the command-line flags of vLLM and SGLang out of their wheels, and keeps them beside this script.

    pip download --no-deps --only-binary=:all: --platform manylinux_2_28_x86_64 -d wheels vllm==0.33.0
    pip download --no-deps --only-binary=:all: -d wheels sglang==0.5.23
    python3 plugins/flags/read.py wheels/*.whl

Nothing of a wheel is imported or run: its sources are parsed, and flags are told by the rules by which the servers make their
parsers of them. For vLLM these are `_compute_kwargs` and `add_cli_args` of `vllm/engine/arg_utils.py`, for SGLang
`add_cli_args_from_dataclass` of `sglang/srt/arg_groups/arg_utils.py`. What cannot be told ends this script.

A flag takes nothing (`switch`), or an `integer`, a `number`, a `text`, a `json` or a `list` of texts; `maybe` is a text that may be
left out. `choices` are the values that the server itself has for it; a plug-in of the server may add others.
"""

import ast
import json
import pathlib
import sys
import zipfile

UNKNOWN = object()


class Sources:
    """The modules of a wheel, with what their names stand for."""

    def __init__(self, wheel):
        self.zip = zipfile.ZipFile(wheel)
        self.names = set(self.zip.namelist())
        self.trees = {}

    def tree(self, path):
        if path not in self.trees:
            self.trees[path] = ast.parse(self.zip.read(path))
        return self.trees[path]

    def paths(self, folder):
        return sorted(name for name in self.names if name.startswith(folder) and name.endswith(".py"))


def assigned(tree):
    """What is given a name at the top of a module, whether in an `if` or not."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, node.value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None and isinstance(node.target, ast.Name):
            found.setdefault(node.target.id, node.value)
    return found


def texts(node, names):
    """The texts of a list or a Literal, through names and sums; UNKNOWN where one is made while the server runs."""
    if isinstance(node, ast.Constant):
        return [node.value]
    if isinstance(node, ast.Name) and node.id in names and names[node.id] is not node:
        return texts(names[node.id], names)
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        parts = [texts(part, names) for part in node.elts]
    elif isinstance(node, ast.Starred):
        return texts(node.value, names)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = [texts(node.left, names), texts(node.right, names)]
    elif isinstance(node, ast.Call) and called(node) in ("list", "set", "sorted", "get_args") and node.args:
        return texts(node.args[0], names)
    elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal":
        return texts(node.slice, names)
    else:
        return UNKNOWN
    return UNKNOWN if UNKNOWN in parts else [text for part in parts for text in part]


def called(node):
    return ast.unparse(node.func)


def alternatives(node, names):
    """The types that a union is of."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return alternatives(ast.parse(node.value, mode="eval").body, names)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return alternatives(node.left, names) + alternatives(node.right, names)
    if isinstance(node, ast.Subscript):
        outer = ast.unparse(node.value)
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if outer == "Annotated":
            return alternatives(parts[0], names)
        if outer in ("Union", "Optional"):
            return [one for part in parts for one in alternatives(part, names)]
    if isinstance(node, ast.Name) and isinstance(names.get(node.id), (ast.Subscript, ast.BinOp)):
        return alternatives(names[node.id], names)
    return [node]


def taken(hint, names, records):
    """What a value of this type is written as."""
    kinds = alternatives(hint, names)
    said = [ast.unparse(kind) for kind in kinds]
    outer = [ast.unparse(kind.value) if isinstance(kind, ast.Subscript) else ast.unparse(kind) for kind in kinds]
    if any(name in records for name in said):
        return {"takes": "json"}
    if set(said) == {"bool", "str", "None"}:
        return {"takes": "maybe"}
    if "bool" in said:
        return {"takes": "switch"}
    literals = [kind for kind, name in zip(kinds, outer) if name == "Literal"]
    if literals:
        choices = [text for literal in literals for text in texts(literal, names)]
        takes = "integer" if all(isinstance(choice, int) for choice in choices) else "text"
        return {"takes": takes, "choices": choices}
    if {"tuple", "list", "set", "List", "Sequence"} & set(outer):
        return {"takes": "list"}
    if "int" in said:
        return {"takes": "integer"}
    if "float" in said:
        return {"takes": "number"}
    if {"dict", "Dict"} & set(outer):
        return {"takes": "text" if "str" in said else "json"}
    return {"takes": "text"}


def given(keywords, names):
    """What an argument takes that is described where it is added."""
    if "action" in keywords:
        action = ast.unparse(keywords["action"])
        if action.endswith(("_true'", "_false'", "BooleanOptionalAction", "StoreTrueAction")):
            return {"takes": "switch"}
    if "choices" in keywords:
        choices = texts(keywords["choices"], names)
        return {"takes": "text"} if choices is UNKNOWN else {"takes": "text", "choices": choices}
    kind = ast.unparse(keywords["type"]) if "type" in keywords else "str"
    if "nargs" in keywords and ast.unparse(keywords["nargs"]) in ("'+'", "'*'"):
        return {"takes": "list"}
    return {"takes": {"int": "integer", "float": "number", "json.loads": "json"}.get(kind, "text")}


def keywords_of(call):
    return {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}


def flags_of(call):
    return [arg.value for arg in call.args if isinstance(arg, ast.Constant) and str(arg.value).startswith("-")]


def kept(found, flags, takes):
    """Adds a flag under its long name, with its other names."""
    name = next((flag for flag in flags if flag.startswith("--")), flags[0])
    others = [flag for flag in flags if flag != name]
    if name in found:
        raise SystemExit(f"{name} is added twice")
    found[name] = {**takes, "aliases": others} if others else takes


def read_vllm(sources):
    names, classes, records = {}, {}, set()
    paths = sources.paths("vllm/config/") + [
        "vllm/engine/arg_utils.py",
        "vllm/entrypoints/common/cli_args.py",
        "vllm/entrypoints/anthropic/protocol.py",
        *sources.paths("vllm/renderers/chat_utils/"),
        "vllm/tool_parsers/tool_strict_level.py",
    ]
    for path in paths:
        tree = sources.tree(path)
        names.update({name: value for name, value in assigned(tree).items() if name not in names})
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                classes[node.name] = node
                if any("config" in ast.unparse(mark) or "dataclass" in ast.unparse(mark) for mark in node.decorator_list):
                    records.add(node.name)

    def fields(name):
        node, own = classes[name], {}
        for base in node.bases:
            if ast.unparse(base) in classes:
                own.update(fields(ast.unparse(base)))
        for part in node.body:
            if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                if not ast.unparse(part.annotation).startswith("ClassVar"):
                    own[part.target.id] = part.annotation
        return own

    found = {}
    arguments = sources.tree("vllm/engine/arg_utils.py")
    for node in (node for node in ast.walk(arguments) if isinstance(node, ast.FunctionDef)):
        if node.name == "add_cli_args":
            read_vllm_arguments(node, names, fields, records, found)
    for name, hint in fields("FrontendArgs").items():
        takes = taken(hint, names, records)
        if name in ("allowed_origins", "allowed_methods", "allowed_headers"):
            takes = {"takes": "json"}
        elif name in ("middleware", "disable_access_log_for_endpoints"):
            takes = {"takes": "text"}
        kept(found, ["--" + name.replace("_", "-")], takes)
    for node in ast.walk(sources.tree("vllm/entrypoints/common/cli_args.py")):
        if isinstance(node, ast.FunctionDef) and node.name == "make_arg_parser":
            for call in adding(node):
                if flags_of(call):
                    kept(found, flags_of(call), given(keywords_of(call), names))
    for flag, path, registry in VLLM_PARSERS:
        found[flag]["choices"] = [key.value for key in assigned(sources.tree(path))[registry].keys]
    return found


# Parsers that vLLM loads when they are asked for.
VLLM_PARSERS = [
    ("--tool-call-parser", "vllm/tool_parsers/__init__.py", "_TOOL_PARSERS_TO_REGISTER"),
    ("--reasoning-parser", "vllm/reasoning/__init__.py", "_REASONING_PARSERS_TO_REGISTER"),
]


def adding(node):
    calls = [call for call in ast.walk(node) if isinstance(call, ast.Call) and called(call).endswith(".add_argument")]
    return sorted(calls, key=lambda call: call.lineno)


def read_vllm_arguments(function, names, fields, records, found):
    """The arguments of one `add_cli_args`: each of a field of a config class, or described in place."""
    of, single = {}, {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            target, value = node.targets[0].id, node.value
            if isinstance(value, ast.Call) and called(value) == "get_kwargs":
                of[target] = fields(ast.unparse(value.args[0]))
            elif isinstance(value, ast.Subscript) and isinstance(value.slice, ast.Constant):
                single[target] = value

    def hint(node):
        if isinstance(node, ast.Dict):
            node = next(value for key, value in zip(node.keys, node.values) if key is None)
        if isinstance(node, ast.Name):
            node = single[node.id]
        base = node.value
        owner = of[base.id] if isinstance(base, ast.Name) else fields(ast.unparse(base.args[0]))
        return owner[node.slice.value]

    for call in adding(function):
        spread = next((keyword.value for keyword in call.keywords if keyword.arg is None), None)
        if spread is None:
            takes = given(keywords_of(call), names)
        else:
            takes = taken(hint(spread), names, records)
        kept(found, flags_of(call), takes)


def read_sglang(sources):
    names, found = {}, {}
    constants = ["choices.py", "arg_utils.py"]
    paths = sources.paths("sglang/srt/arg_groups/fields/")
    paths += [f"sglang/srt/arg_groups/{name}" for name in constants]
    paths += ["sglang/srt/function_call/parser_names.py", "sglang/srt/parser/reasoning_parser_names.py"]
    for path in paths:
        names.update({name: value for name, value in assigned(sources.tree(path)).items() if name not in names})
    for path in sources.paths("sglang/srt/arg_groups/fields/"):
        for node in ast.walk(sources.tree(path)):
            if isinstance(node, ast.ClassDef):
                for part in node.body:
                    if isinstance(part, ast.AnnAssign) and ast.unparse(part.annotation).startswith("A["):
                        read_sglang_field(part, names, found)
    parsers = {"--tool-call-parser": "TOOL_CALL_PARSER_NAMES", "--reasoning-parser": "REASONING_PARSER_NAMES"}
    for node in ast.walk(sources.tree("sglang/srt/server_args.py")):
        if isinstance(node, ast.FunctionDef) and node.name == "add_cli_args":
            for call in adding(node):
                flags = flags_of(call)
                # What is written out beside the fields takes the place of a field that has no flag.
                takes = given(keywords_of(call), names)
                if flags[0] in parsers:
                    takes["choices"] = ["auto"] + texts(names[parsers[flags[0]]], names)
                kept(found, flags, takes)
    return found


def read_sglang_field(part, names, found):
    hint, *marks = part.annotation.slice.elts
    arg = next((mark for mark in marks if isinstance(mark, ast.Call) and called(mark) == "Arg"), None)
    if arg is None and not any(is_text(mark) for mark in marks):
        return
    keywords = keywords_of(arg) if arg is not None else {}
    if "no_cli" in keywords:
        return
    flags = ["--" + part.target.id.replace("_", "-")]
    if "cli_name" in keywords:
        flags = [keywords["cli_name"].value]
    if "aliases" in keywords:
        flags += texts(keywords["aliases"], names)
    if "type_parser" in keywords:
        takes = {"takes": SGLANG_PARSERS[ast.unparse(keywords["type_parser"])]}
    elif "action" in keywords:
        takes = given(keywords, names)
    else:
        takes = taken(hint, names, set())
    if "choices" in keywords:
        choices = texts(keywords["choices"], names)
        if choices is not UNKNOWN:
            takes["choices"] = choices
    kept(found, flags, takes)


SGLANG_PARSERS = {
    "human_readable_int": "integer",
    "json.loads": "json",
    "json_list_type": "json",
    "nullable_str": "text",
    "parse_cuda_graph_backend_arg": "text",
    "parse_cuda_graph_config_arg": "json",
}


def is_text(node):
    if isinstance(node, ast.BinOp):
        return is_text(node.left)
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


READERS = {"vllm": read_vllm, "sglang": read_sglang}


def main(wheels):
    for wheel in wheels:
        server, version = pathlib.Path(wheel).name.split("-")[:2]
        found = READERS[server](Sources(wheel))
        for takes in found.values():
            if "choices" in takes:
                takes["choices"] = sorted({str(choice) for choice in takes["choices"] if choice is not None})
        path = pathlib.Path(__file__).with_name(f"{server}.json")
        lines = [f"  {json.dumps(name)}: {json.dumps(found[name], sort_keys=True)}" for name in sorted(found)]
        head = f'{{"server": "{server}", "version": "{version}", "flags": {{'
        path.write_text(head + "\n" + ",\n".join(lines) + "\n}}\n")
        print(f"{path}: {len(found)} flags of {server} {version}")


main(sys.argv[1:])
