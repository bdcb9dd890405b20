"""Renders chat templates with Jinja2, set up and called as transformers does it (5.23 to 5.24:
`utils/chat_template_utils.py`, `PreTrainedTokenizerBase.apply_chat_template`). Runs inside the interpreter that
`python.ts` starts, which keeps this module's names in one dictionary and calls `render`.
"""

import gc
import json
import os
import re
import sys
from datetime import datetime
from itertools import islice
from sys import monitoring
from types import BuiltinMethodType, CodeType

import jinja2
from jinja2.exceptions import SecurityError, TemplateError, TemplateSyntaxError
from jinja2.ext import Extension, loopcontrols
from jinja2.nodes import CallBlock, Node
from jinja2.runtime import LoopContext
from jinja2.sandbox import MAX_RANGE, ImmutableSandboxedEnvironment, safe_range
from jinja2.utils import Namespace, internal_code

# Set for each request: what `strftime_now` takes for now, or None for the clock.
fixed_now = None


class Generation(Extension):
    """`{% generation %}…{% endgeneration %}` marks what the model wrote. Its text is rendered as it is."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return CallBlock(self.call_method("_text"), [], [], body).set_lineno(line)

    def _text(self, caller):
        return caller()


class PlainDict:
    """The global `dict`: makes dictionaries and has no attribute through which the class itself is reached."""

    def __call__(self, *args, **kwargs):
        return dict(*args, **kwargs)

    def fromkeys(self, *args, **kwargs):
        return dict.fromkeys(*args, **kwargs)


class PublicNamespace(Namespace):
    """The global `namespace`: takes no name that begins with an underscore."""

    def __init__(*args, **kwargs):  # noqa: N805: so that a template may name an attribute "self"
        self, given = args[0], dict(*args[1:], **kwargs)
        for name in given:
            PublicNamespace._allow(name)
        Namespace.__init__(self, given)

    def __setitem__(self, name, value):
        PublicNamespace._allow(name)
        Namespace.__setitem__(self, name, value)

    @staticmethod
    def _allow(name):
        if isinstance(name, str) and name.startswith("_"):
            raise SecurityError(f"a namespace takes no name that begins with an underscore, such as {name!r}")


_public_string_methods = {name for name in dir(str) if not name.startswith("_")} - {"format", "format_map"}
_dictionary_attributes = set(dir(dict))


class Environment(ImmutableSandboxedEnvironment):
    """The sandbox, with short ways to what it allows anyway. Most of a template's work is `message.role`, `loop.first` and
    `content.strip()`; finding out about each that it is harmless takes longer than all the rest."""

    def getattr(self, obj, attribute):
        kind = type(obj)
        if kind is dict:
            if attribute not in _dictionary_attributes:
                return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        elif kind is str:
            if attribute in _public_string_methods:
                return getattr(obj, attribute)
        elif (kind is LoopContext or kind is PublicNamespace) and not attribute.startswith("_"):
            try:
                value = getattr(obj, attribute)
            except AttributeError:
                return super().getattr(obj, attribute)
            if type(value) is not BuiltinMethodType:
                return value
        return super().getattr(obj, attribute)

    def call(__self, __context, __obj, *args, **kwargs):  # noqa: N805: as the one it stands for
        if type(__obj) is BuiltinMethodType and type(__obj.__self__) is str:
            kwargs.pop("_block_vars", None)
            kwargs.pop("_loop_vars", None)
            return __obj(*args, **kwargs)
        return super(Environment, __self).call(__context, __obj, *args, **kwargs)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def raise_exception(message):
    raise TemplateError(message)


# Numbers among the directives of strftime: how many places, filled with what.
_numbers = {
    **dict.fromkeys("CdgHImMSUVWy", (2, "0")), **dict.fromkeys("ekl", (2, " ")), **dict.fromkeys("suwGY", (1, "0")), "j": (3, "0"),
}  # fmt: skip
_texts = frozenset("aAbBcDFhnpPrRtTxXZz")
_directive = re.compile(r"%([-_0^#]*)(\d*)([EO]?)(.?)", re.DOTALL)
_modified = {"": _numbers.keys() | _texts, "E": frozenset("cCxXyY"), "O": frozenset("deHImMSuUVwWy")}


def strftime_now(format):
    """The date and time as the C library of Linux writes them; the one this interpreter has knows fewer directives."""
    now = fixed_now or datetime.now()

    def part(found):
        whole, flags, width, modifier, letter = found[0], *found.groups()
        if whole in ("%%", "%f"):
            return now.strftime(whole)
        if not letter or letter not in _modified[modifier]:
            return whole
        simple = {"k": "%H", "l": "%I", "P": "%p"}.get(letter, "%" + letter)
        text = now.strftime(simple)
        if letter == "P":
            text = text.lower()
        places, fill = _numbers.get(letter, (0, " "))
        if letter in _numbers:
            text = text.lstrip("0 ") or "0"
        for flag in flags:
            if flag == "^":
                text = text.upper()
            elif flag == "#":
                text = text.lower() if letter in "pZ" else text.upper()
            elif flag == "-":
                places, fill = 0, " "
            else:
                fill = "0" if flag == "0" else " "
        return text.rjust(max(places, int(width or 0)), fill)

    return _directive.sub(part, format) if isinstance(format, str) else now.strftime(format)


def limited_range(*args):
    """The sandbox's `range`, which here would not find out the length of one that 64 bits can count and 32 cannot."""
    try:
        return safe_range(*args)
    except OverflowError:
        raise OverflowError(
            f"Range too big. The sandbox blocks ranges larger than MAX_RANGE ({MAX_RANGE})."
        ) from None


def _other_each_time(name):
    def refuse(*args, **kwargs):
        raise TemplateError(f"{name} gives another text each time it is rendered; nothing can be trained on that")

    return refuse


def _environment():
    made = Environment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    made.filters["tojson"] = tojson
    made.filters["random"] = _other_each_time('the filter "random"')
    made.globals.update(
        raise_exception=raise_exception,
        strftime_now=strftime_now,
        range=limited_range,
        dict=PlainDict(),
        namespace=PublicNamespace,
        lipsum=_other_each_time("lipsum()"),
    )
    return made


environment = _environment()
# Python's 1,000, and room for the calls that the short ways of `Environment` add.
sys.setrecursionlimit(1_250)
# By text. A thread works with one model's templates, or two.
_compiled = {}


def _template(text):
    found = _compiled.get(text)
    if found is None:
        if len(_compiled) >= 16:
            _compiled.clear()
        found = _compiled[text] = environment.from_string(text)
    return found


_reasoning_names = ("reasoning_content", "thinking", "reasoning")


def _message(message):
    """A message as a template sees it: without fields that are None, its reasoning under the names templates read."""
    if not isinstance(message, dict):
        raise TypeError(f"a message must be an object, not {message!r}")
    seen = {key: value for key, value in message.items() if value is not None}
    for name in _reasoning_names:
        if name in seen:
            return {"thinking": seen[name], **seen, "reasoning_content": seen[name]}
    return seen


def _objects(values, what):
    if values is not None:
        for value in values:
            if not isinstance(value, dict):
                raise TypeError(f"{what} must be a list of objects; one is {value!r}")
    return values


def _conversations(source, job, traced):
    """All texts that one job asks for."""
    template = _template(source)
    if traced:
        _trace(template)
    tools = _objects(job["tools"], "tools")
    documents = _objects(job["documents"], "documents")
    start = [_message(message) for message in job["messages"]]
    variables = job["variables"]
    texts = []
    for part in job["parts"]:
        os.write(2, b"\0")
        if not start and not part["messages"]:
            raise TemplateError("there is no message to render")
        given = dict(
            messages=start + [_message(message) for message in part["messages"]],
            tools=tools,
            documents=documents,
            add_generation_prompt=part["addGenerationPrompt"],
            **variables,
        )
        pieces = list(islice(template.root_render_func(template.new_context(given)), _most_pieces))
        if len(pieces) == _most_pieces or sum(map(len, pieces)) > _most_characters:
            pieces = _limited(template.root_render_func(template.new_context(given)))
        texts.append(environment.concat(pieces))
    return texts


# Texts with fewer pieces are measured whole, which is faster.
_most_pieces = 10_000
_most_characters = 1 << 26


class TooLong(Exception):
    """A text has more characters than it may have. `line`: of the template, where it has too many."""

    def __init__(self, line):
        self.line = line


def _limited(pieces):
    characters, kept = 0, []
    for piece in pieces:
        kept.append(piece)
        characters += len(piece)
        if characters > _most_characters:
            frame = pieces.gi_frame
            raise TooLong(frame.f_globals["__jinja_template__"].get_corresponding_lineno(frame.f_lineno))
    return kept


def _template_frames(error):
    """Lines of the compiled template and of the template itself that led to an error, the outermost first."""
    trace = error.__traceback__
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if template is not None and trace.tb_frame.f_code not in internal_code:
            yield trace.tb_lineno, template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next


def _compiled_node(error):
    """Line of the template's node that was being compiled when an error came."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__", "").startswith("jinja2."):
            for node in trace.tb_frame.f_locals.values():
                if isinstance(node, Node):
                    line = getattr(node, "lineno", line)
        trace = trace.tb_next
    return line


def _loops(source, frames):
    """Names of the variables of the loops that the given lines of a compiled template stand in."""
    code = environment.compile(source, raw=True).split("\n")
    names = []
    for number, _ in frames[-4:]:
        within, depth = [], len(code[number - 1]) - len(code[number - 1].lstrip())
        for line in reversed(code[:number]):
            indent = len(line) - len(line.lstrip())
            header = re.match(r"\s*for (.*?) in ", line)
            if header and (indent < depth or line is code[number - 1]):
                within += re.findall(r"l_\d+_(\w+)", header[1])[:1]
            if line.strip() and indent < depth:
                depth = indent
        names += reversed(within)
    return names


def _failure(error, source):
    """What went wrong, for `protocol.ts`. `line` is None where no line of the template is to blame."""
    name = type(error).__name__
    if isinstance(error, TemplateSyntaxError):
        return {"kind": "syntax", "error": name, "message": error.message, "line": error.lineno}
    if isinstance(error, TooLong):
        return {"kind": "length", "message": "", "line": error.line}
    frames = list(_template_frames(error))
    line = frames[-1][1] if frames else None
    if isinstance(error, KeyboardInterrupt):
        line = line or _compiled_node(error)
        return {"kind": "time", "message": "", "line": line, "loops": _loops(source, frames) if frames else []}
    if isinstance(error, RecursionError):
        return {"kind": "depth", "message": str(error), "line": line or _compiled_node(error)}
    # This Python counts in 32 bits: a size that does not fit would take more memory than a template may have.
    if isinstance(error, MemoryError) or (isinstance(error, OverflowError) and re.search("index-sized|ssize_t|too long", str(error))):
        return {"kind": "memory", "message": str(error), "line": line}
    if isinstance(error, TemplateError) and not isinstance(error, jinja2.UndefinedError):
        return {"kind": "refused", "error": name, "message": str(error), "line": line}
    return {"kind": "failed", "error": name, "message": str(error) or name, "line": line}


def _one(source, job, traced):
    try:
        return _conversations(source, json.loads(job), traced)
    except BaseException as error:
        return _failure(error, source)


def _trace(template):
    """Has every line of a template told before it runs."""
    told = None

    def tell(code, number):
        nonlocal told
        line = template.get_corresponding_lineno(number)
        if line != told:
            told = line
            os.write(2, b"%d\n" % line)

    monitoring.use_tool_id(monitoring.DEBUGGER_ID, "line of the template")
    monitoring.register_callback(monitoring.DEBUGGER_ID, monitoring.events.LINE, tell)
    codes = [function.__code__ for function in (template.root_render_func, *template.blocks.values())]
    for code in codes:
        monitoring.set_local_events(monitoring.DEBUGGER_ID, code, monitoring.events.LINE)
        codes += [inner for inner in code.co_consts if isinstance(inner, CodeType)]


def render(templates, jobs, now, traced):
    """Renders jobs.

    templates: JSON text of a list of templates' texts
    jobs: a line each, the template's number and the JSON text of what it is given
    now: ISO date and time that `strftime_now` takes for now; empty: the clock's
    traced: whether to tell of every line (of the template, from 1) before it runs; the interpreter is not used again
    Returns the JSON text of a list: for each job its texts, or an object that says what went wrong.
    A zero byte goes to file 2 before each text.
    """
    global fixed_now
    fixed_now = datetime.fromisoformat(now) if now else None
    sources = json.loads(templates)
    results = []
    for line in jobs.split("\n"):
        number, _, job = line.partition(" ")
        results.append(_one(sources[int(number)], job, traced))
    text = json.dumps(results, ensure_ascii=False)
    gc.collect()
    return text


def _leave_host():
    """Forgets the modules that lead out of the interpreter: to JavaScript, and to packages on the network."""
    for finder in [finder for finder in sys.meta_path if hasattr(finder, "jsproxies")]:
        finder.jsproxies.clear()
        sys.meta_path.remove(finder)
    for name in [name for name in sys.modules if re.match(r"(_?pyodide\w*|js)(\.|$)", name)]:
        del sys.modules[name]
    gc.collect()


_leave_host()
# Jobs make no garbage that has to be looked for, but by hundreds of requests.
gc.freeze()
gc.disable()
