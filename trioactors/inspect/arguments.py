"""The arguments of a handler as JSON: read strictly by its annotations, and written.

The forms are those of the serializer, so nothing is converted or guessed, and a refusal names the place. They differ from stored forms
where a person or a program supplies the value instead of a record:

- An object of an attrs class or a dataclass is made by calling the class, so its hooks, converters and validators run.
- `Any` and `object` take any JSON, `Sequence` and `Iterable` a list, and an `int | float` a number.
- In a union, a value that only one member can read needs no name: 5 for `int | str`, otherwise {"str": "5"}.
- A ref is the name of an actor that exists now.

A handler with a parameter that has no such form cannot be called with JSON; the error says which one and why.
"""

from __future__ import annotations

import collections.abc
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast, get_origin

import attrs

from trioactors.actors.actor import Actor
from trioactors.actors.child import ActorChild, is_actor
from trioactors.actors.ref import ActorRef, Ref
from trioactors.actors.stored_refs import refs_by_name
from trioactors.annotations import evaluated, function_behind, is_unresolved
from trioactors.errors import UsageError
from trioactors.messaging.definitions import HandlerSpec
from trioactors.serializer import Json, Limits, Rule, Serializer
from trioactors.serializer.annotations import Field, fields_of, origin_of
from trioactors.serializer.builder import Builder, Names
from trioactors.serializer.containers import sequence_form, set_form
from trioactors.serializer.forms import ARRAY, LARGEST, OBJECT, SMALLEST, TEXT, Form, Load
from trioactors.serializer.problems import DATA_ERRORS, Problem, at_key, expected, raised
from trioactors.serializer.records import Trail
from trioactors.serializer.unions import readers_of, union_form
from trioactors.supervision.registry import Registry
from trioactors.supervision.specs import target_of
from trioactors.system.system import System, registry_of

__all__ = ["ArgumentsRefused", "Forms", "NotCallable", "Parameters", "annotation_of", "parameters_of"]

_DEPTH: Final = 32
_VALUES: Final = 20_000
"""Limits on the arguments of one message: levels, and values in total."""
_SECRET: Final = "its value does not fit; no details are shown, because it is secret"  # noqa: S105 - a text
_MISSING: Final = "missing, and there is no default"
_PLAIN: Final[Mapping[Any, Any]] = {Any: Json, object: Json, list: list[Json], dict: dict[str, Json]}
"""Annotations that do not say what they hold: any JSON fits."""


class NotCallable(UsageError):
    """The handler has a parameter that cannot be given as JSON."""


class ArgumentsRefused(UsageError):
    """Arguments that do not fit the handler."""

    def __init__(self, where: str, problems: tuple[tuple[str, str], ...]) -> None:
        path, text = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{where}: {path}: {text}{more}" if path else f"{where}: {text}{more}")
        self.problems = problems
        """The path of each bad value, and what is wrong with it."""


@attrs.define(eq=False)
class Forms(Builder):
    """Builds the forms of arguments."""

    secrets_anew: bool = attrs.field(default=False, kw_only=True)
    """Whether secret fields are required although they have defaults: in a message that is edited, which does not show them."""

    def form(self, kind: Any) -> Form:
        """The form of *kind*; any JSON if *kind* does not say what it holds."""
        return super().form(_PLAIN.get(kind, kind) if isinstance(kind, collections.abc.Hashable) else kind)

    def _record(self, kind: Any) -> Form:
        form = super()._record(kind)
        fields = tuple(field for field in fields_of(kind) if field.init and not field.transient and not field.keeps_unknown)
        forms = {field.name: self.form(field.kind) for field in fields}
        form.load = _calling(origin_of(kind), fields, forms, secrets_anew=self.secrets_anew)
        form.dump = _open_parts(form.dump, frozenset(field.name for field in fields if not field.secret))
        form.keys = frozenset(forms)
        return form

    def _union(self, members: tuple[Any, ...]) -> Form:
        if float in members:  # takes each int as it is
            members = tuple(member for member in members if member is not int)
        form = super()._union(members)
        inner = tuple(self.form(member) for member in members if member is not type(None))
        if len(inner) > 1:
            form.load = _chosen(union_form(inner), inner, optional=type(None) in members)
        return form

    def _makers(self) -> dict[Any, Callable[[tuple[Any, ...]], Form]]:
        def listed(of: tuple[Any, ...]) -> Form:
            return sequence_form(list, self._inside("[]", of[0]))

        abc = collections.abc
        lists = dict.fromkeys((abc.Sequence, abc.Iterable, abc.Collection), listed)
        return {**super()._makers(), **lists, abc.Set: lambda of: set_form(set, self._hashable(of[0]))}


def _calling(cls: type[Any], fields: tuple[Field, ...], forms: Mapping[str, Form], *, secrets_anew: bool) -> Load:
    """A function that reads the fields and calls *cls* with them."""
    known = {field.name for field in fields}
    secretive = any(field.secret for field in fields)

    def load(form: Any, _: object = None) -> Any:
        if type(form) is not OBJECT:
            raise expected(f"an object with the fields of {cls.__name__}", form)
        for name in form.keys() - known:
            raise Problem(f"unknown field; those of {cls.__name__}: {', '.join(forms) or 'none'}").under(f".{name[:100]}")
        values: dict[str, Any] = {}
        for field in fields:
            if field.name in form:
                values[field.alias] = _of_field(field, forms[field.name], form[field.name])
            elif not field.has_default or (secrets_anew and field.secret):
                raise Problem(_MISSING if not field.secret else "missing: it is secret, so give it anew").under(f".{field.name}")
        try:
            return cls(**values)
        except DATA_ERRORS as error:
            if secretive:
                raise Problem(f"{cls.__name__} refused it: {type(error).__name__}") from None
            raise raised(f"{cls.__name__} refused it", error) from error

    return load


def _of_field(field: Field, form: Form, given: Any) -> Any:
    try:
        return form.load(given, None)
    except Problem as problem:
        if field.secret:
            raise Problem(_SECRET).under(f".{field.name}") from None
        raise problem.under(f".{field.name}") from None


def _open_parts(dump: Callable[[Any], Any], names: frozenset[str]) -> Callable[[Any], Any]:
    """*dump* without the fields that are secret, or that the class does not take."""

    def dump_open(value: Any) -> Any:
        return {name: part for name, part in dump(value).items() if name in names}

    return dump_open


def _chosen(union: Form, members: tuple[Form, ...], *, optional: bool) -> Load:
    """A function that reads the named member, or else the only one that can read the value."""
    named = {name: member for member in members for name in _names_of(member)}
    known = " | ".join(sorted(member.name for member in members))

    def load(given: Any, _: object = None) -> Any:
        form: Any = given
        if optional and form is None:
            return None
        if type(form) is OBJECT and len(form) == 1 and not named.keys().isdisjoint(form):
            return union.load(form, None)
        readers = readers_of(members, form)
        if len(readers) == 1:
            return readers[0][1]
        if not readers:
            raise expected(f"one of {known}", form)
        names = sorted(member.name for member, _ in readers)
        raise Problem(f'could be {" or ".join(names)}; say which, as in {{"{names[0]}": ...}}')

    return load


def _names_of(member: Form) -> tuple[str, ...]:
    return member.declaration.names if member.declaration else (member.name,)


# --- one handler ---


@attrs.frozen(eq=False)
class Parameters:
    """The parameters of one handler."""

    where: str
    spec: HandlerSpec
    kinds: Mapping[str, Any]
    """The annotations, evaluated."""
    forms: Mapping[str, Form]
    builder: Forms

    def read(self, given: object, kept: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The values of the arguments *given* as JSON; those in *kept* need not be given. Raises `ArgumentsRefused`, with each problem."""
        if type(given) is not OBJECT:
            raise ArgumentsRefused(self.where, (("", "the arguments must be a JSON object, with a key for each parameter"),))
        arguments = cast("dict[str, Any]", given)
        values = dict(kept or {})
        problems = [
            (name[:100], f"there is no such parameter; those of {self.spec.name}: {', '.join(self.forms) or 'none'}")
            for name in arguments
            if name not in self.forms
        ]
        for field in self.spec.fields:
            if field.name in arguments:
                try:
                    values[field.name] = _read(self.forms[field.name], arguments[field.name])
                except Problem as problem:
                    secret = field.name in self.spec.secret
                    problems.append((field.name, _SECRET) if secret else (_path(field.name, problem), problem.what))
            elif field.default is field.empty and field.name not in values:
                problems.append((field.name, _MISSING))
        if problems:
            raise ArgumentsRefused(self.where, tuple(problems))
        return {field.name: values[field.name] for field in self.spec.fields if field.name in values}

    def written(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The *values* as JSON, without secret ones. Raises a `Problem` if one does not fit its annotation."""
        return {name: self.forms[name].dump(value) for name, value in values.items() if name not in self.spec.secret}


def parameters_of(system: System, child: ActorChild, spec: HandlerSpec, *, secrets_anew: bool = False) -> Parameters:
    """The parameters of *spec*, a handler of *child*. Raises `NotCallable`."""
    durable = child.plan.durable_state
    serializer, limits = Serializer() if durable is None else durable.serializer, Limits()
    rule = _rules(registry_of(system), serializer)
    builder = Forms(Names(), Trail(limits.depth, limits.elements), rule, secrets_anew=secrets_anew)
    where = f"{child.name}.{spec.name}"
    kinds: dict[str, Any] = {}
    forms: dict[str, Form] = {}
    for field in spec.fields:
        try:
            kinds[field.name] = annotation_of(spec, field.annotation)
            forms[field.name] = builder.build(kinds[field.name])
        except Problem as problem:
            raise NotCallable(f"{where} cannot be called with JSON: {_path(field.name, problem)}: {problem.what}") from None
        except DATA_ERRORS as error:
            raise NotCallable(f"{where} cannot be called with JSON: {field.name}: {type(error).__name__}: {error}") from None
    return Parameters(where, spec, kinds, forms, builder)


def _path(name: str, problem: Problem) -> str:
    return name + "".join(reversed(problem.steps))


def annotation_of(spec: HandlerSpec, annotation: Any) -> Any:
    """The type that *annotation* stands for. Raises a `Problem`."""
    if not is_unresolved(annotation):
        return annotation
    function = function_behind(spec.function)
    names = {} if function is None else {**dict(_variables_around(function)), **function.__globals__}
    try:
        return evaluated(annotation, names)
    except NameError as error:
        raise Problem(
            f"its annotation names {error.name!r}, which does not exist at run time: import it for more than type checkers"
        ) from None
    except (AttributeError, SyntaxError, TypeError, ValueError) as error:
        raise Problem(f"its annotation cannot be evaluated: {error}") from None


def _variables_around(function: Any) -> Iterator[tuple[str, object]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not bound yet
            continue


def _rules(registry: Registry, serializer: Serializer) -> Callable[[Any], Rule[Any, Any] | None]:
    def rule_for(kind: Any) -> Rule[Any, Any] | None:
        cls = get_origin(kind) or kind
        if isinstance(cls, type) and issubclass(cls, Actor | Ref):
            return _ref_rule(registry, kind)
        return serializer.rule_for(kind)

    return rule_for


def _ref_rule(registry: Registry, annotation: Any) -> Rule[Any, Any]:
    """The rule for refs: the name of an actor that exists now."""
    stored, target = refs_by_name(annotation), target_of(annotation)
    kind = object if target is Ref else cast("type", target)

    def load(name: str) -> ActorRef:
        child = registry.find(name)
        if not is_actor(child, kind):
            raise ValueError(f"{name!r:.80} is not a {kind.__name__}")
        return cast("ActorRef", cast("ActorChild", child).ref)

    return attrs.evolve(stored, load=load)


# --- JSON ---


def _read(form: Form, given: Any) -> Any:
    _check(given)
    try:
        return form.load(given, None)
    except RecursionError:
        raise Problem("nested too deeply") from None


def _check(given: Any) -> None:
    """Check what the forms take for granted. Raises a `Problem`."""
    left = _VALUES
    waiting: list[tuple[Any, tuple[str, ...]]] = [(given, ())]
    while waiting:
        value, steps = waiting.pop()
        left -= 1
        problem = _fault(value, len(steps)) if left >= 0 else f"more than {_VALUES:,} values"
        if problem is not None:
            found = Problem(problem)
            found.steps = list(reversed(steps))
            raise found
        if type(value) is ARRAY:
            waiting.extend((item, (*steps, f"[{index}]")) for index, item in enumerate(value[: left + 1]))
        elif type(value) is OBJECT:
            waiting.extend((item, (*steps, f".{key}" if key.isidentifier() else at_key(key))) for key, item in value.items())
            waiting.extend((key, steps) for key in value)


def _fault(value: Any, depth: int) -> str | None:
    if depth > _DEPTH:
        return f"nested more than {_DEPTH} levels deep"
    if type(value) is float and not math.isfinite(value):
        return 'a number that JSON does not have, or too large for a float; the texts "nan", "inf" and "-inf" stand for such floats'
    if type(value) is int and not SMALLEST <= value <= LARGEST:
        return f'a whole number beyond 64 bits; write it as hexadecimal text, as in "{hex(LARGEST + 1)}"'
    return "a text with lone surrogates" if type(value) is TEXT and not _is_unicode(value) else None


def _is_unicode(text: Any) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
