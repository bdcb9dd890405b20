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
from types import BuiltinMethodType

import jinja2
from jinja2.exceptions import SecurityError, TemplateError, TemplateSyntaxError
from jinja2.ext import Extension, loopcontrols
from jinja2.nodes import CallBlock, Node
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

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
            raise SecurityError(f"a namespace takes no name that begins with an underscore: {name!r}")


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


def _tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise_exception(message):
    raise TemplateError(message)


def _strftime_now(format):
    return (fixed_now or datetime.now()).strftime(format)


def _other_each_time(name):
    def refuse(*args, **kwargs):
        raise TemplateError(f"{name} gives another text each time it is rendered; nothing can be trained on that")

    return refuse


def _environment():
    made = Environment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    made.filters["tojson"] = _tojson
    made.filters["random"] = _other_each_time('the filter "random"')
    made.globals.update(
        raise_exception=_raise_exception,
        strftime_now=_strftime_now,
        dict=PlainDict(),
        namespace=PublicNamespace,
        lipsum=_other_each_time("lipsum()"),
    )
    return made


environment = _environment()
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


def _conversations(job):
    """All texts that one job asks for."""
    template = _template(job["template"])
    tools = _objects(job["tools"], "tools")
    documents = _objects(job["documents"], "documents")
    start = [_message(message) for message in job["messages"]]
    variables = job["variables"]
    texts = []
    for part in job["parts"]:
        os.write(2, b"\0")
        if not start and not part["messages"]:
            raise TemplateError("there is no message to render")
        context = template.new_context(
            dict(
                messages=start + [_message(message) for message in part["messages"]],
                tools=tools,
                documents=documents,
                add_generation_prompt=part["addGenerationPrompt"],
                **variables,
            )
        )
        texts.append(environment.concat(template.root_render_func(context)))
    return texts


def _template_frames(error):
    """Lines of the compiled template and of the template itself that led to an error, the outermost first."""
    trace = error.__traceback__
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
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
    if isinstance(error, TemplateSyntaxError):
        return {"kind": "syntax", "message": error.message, "line": error.lineno}
    frames = list(_template_frames(error))
    line = frames[-1][1] if frames else None
    if isinstance(error, KeyboardInterrupt):
        line = line or _compiled_node(error)
        return {"kind": "time", "message": "", "line": line, "loops": _loops(source, frames) if frames else []}
    if isinstance(error, RecursionError):
        return {"kind": "depth", "message": str(error), "line": line or _compiled_node(error)}
    # This Python counts in 32 bits: a size that does not fit would take more memory than a template may have.
    if isinstance(error, MemoryError) or (isinstance(error, OverflowError) and re.search("index-sized|ssize_t", str(error))):
        return {"kind": "memory", "message": str(error), "line": line}
    if isinstance(error, TemplateError) and not isinstance(error, jinja2.UndefinedError):
        return {"kind": "refused", "message": str(error), "line": line}
    return {"kind": "failed", "message": str(error) or type(error).__name__, "line": line, "error": type(error).__name__}


def _one(text):
    source = ""
    try:
        job = json.loads(text)
        source = job["template"]
        return _conversations(job)
    except BaseException as error:
        return _failure(error, source)


def _tracer():
    told = None

    def trace(frame, event, argument):
        nonlocal told
        template = frame.f_globals.get("__jinja_template__")
        if template is None:
            return None
        line = template.get_corresponding_lineno(frame.f_lineno)
        if line != told:
            told = line
            os.write(2, b"%d\n" % line)
        return trace

    return trace


def render(jobs, now, traced):
    """Renders jobs, JSON texts on a line each.

    now: ISO date and time that `strftime_now` takes for now; empty: the clock's
    traced: whether to tell of every line (of the template, from 1) before it runs
    Returns the JSON text of a list: for each job its texts, or an object that says what went wrong.
    A zero byte goes to file 2 before each text.
    """
    global fixed_now
    fixed_now = datetime.fromisoformat(now) if now else None
    if traced:
        sys.settrace(_tracer())
    try:
        return json.dumps([_one(job) for job in jobs.split("\n")], ensure_ascii=False)
    finally:
        sys.settrace(None)
        gc.collect()


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
