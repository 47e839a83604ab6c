"""What a conversion will do, level by level and why: a pure function of facts and options."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ziggurat.converter.plan import costs
from ziggurat.converter.plan.encoding import (
    SourceFacts,
    copy_refusal,
    encode_codec,
    encode_quality,
    encode_tile_size,
    tile_codec_name,
)
from ziggurat.converter.plan.levels import LevelSpec, exact_levels, full_levels, stored_levels
from ziggurat.converter.plan.notes import edge_loss, plan_notes, quality_text, reencoding_loss
from ziggurat.converter.plan.options import (
    ConvertOptions,
    Layout,
    Levels,
)
from ziggurat.converter.plan.pictures import (
    PictureStep,
    picture_losses,
    picture_notes,
    picture_steps,
)
from ziggurat.readers.model.codec import Codec, check_effort
from ziggurat.readers.model.encoded import EncodedLevel
from ziggurat.readers.model.geometry import grid_shape
from ziggurat.readers.model.image import ImageInfo, Interpretation
from ziggurat.writers.formats.layout import check_cog_order
from ziggurat.writers.formats.notes import mask_losses
from ziggurat.writers.formats.registry import Output
from ziggurat.writers.model.levels import Cascade, Copy, Origin, Scaled, Stored
from ziggurat.writers.model.reducers import Reducer

# Not JPEG 2000: its low pass sits on the even samples, half a pixel beside the mean of two.
SCALABLE = frozenset({Codec.JPEG})


@dataclass(frozen=True, slots=True)
class Step:
    """One level of the output: what it is, where it comes from, and why so."""

    width: int
    height: int
    tile_width: int
    tile_height: int
    origin: Origin
    codec: str  # of a tile; of OME-Zarr, of a chunk
    reason: str
    frames: int
    expected_bytes: int

    @property
    def tiles(self) -> int:
        """How many tiles, of all frames."""
        columns, rows = grid_shape(self.width, self.height, self.tile_width, self.tile_height)
        return columns * rows * self.frames

    @property
    def action(self) -> str:
        """One word: copy, encode, scale or cascade."""
        names = {Copy: "copy", Stored: "encode", Scaled: "scale", Cascade: "cascade"}
        return names[type(self.origin)]


@dataclass(frozen=True, slots=True)
class ConversionPlan:
    """What will be done, what it will cost, and what will be lost.

    Attributes
    ----------
    source, target
        From where, and to what kind of output.
    steps
        One for each level, the largest first: its size, ``action`` (copy, encode, scale,
        cascade), ``codec``, ``reason`` and ``expected_bytes``.
    losses
        What the output has no place for, a sentence for each thing.
    expected_bytes, expected_seconds, expected_memory
        Roughly: size of the output, time on this machine, bytes of memory.
    quality
        Of what is encoded; None: no value is changed.
    resample
        How missing levels are made; None: the mean, of labels the most frequent value.
    notes
        What is good to know: readers that lack the codec, options that do nothing here.
    backend
        What reads the source.
    declined
        The backends that were asked before it, and why each one did not take the file.
    pictures
        One for each of label, macro and the like: its size, ``action``, ``codec`` and weight.
    """

    source: str
    target: Output
    steps: tuple[Step, ...]
    losses: tuple[str, ...]
    expected_bytes: int
    expected_seconds: float
    expected_memory: int
    quality: int | None = None
    resample: Reducer | None = None
    notes: tuple[str, ...] = ()
    backend: str | None = None
    declined: Mapping[str, str] = field(default_factory=dict)
    pictures: tuple[PictureStep, ...] = ()

    @property
    def copied_tiles(self) -> int:
        """How many tiles go over byte for byte."""
        return sum(step.tiles for step in self.steps if step.action == "copy")

    @property
    def encoded_tiles(self) -> int:
        """How many tiles are encoded anew."""
        return sum(step.tiles for step in self.steps if step.action != "copy")


def make_plan(facts: SourceFacts, target: Output, options: ConvertOptions) -> ConversionPlan:
    """Decide for every wanted level where it comes from."""
    info = facts.info
    if options.layout is Layout.COG:
        check_cog_order(target, info.frames, options.lower_levels.pyramid)
    codec = encode_codec(facts, target, options)
    quality = encode_quality(Codec.named(codec), facts, target, options)
    tile = encode_tile_size(facts, target, options)
    wanted = _wanted(info, target, options, max(tile))
    specs = [r for n, r in enumerate(wanted) if target.has_level(n, r.width, r.height)]
    steps: list[Step] = []
    for level in specs:
        above = steps[-1] if steps else None
        steps.append(_step(level, above, facts, target, options, (codec, quality), tile))
    if any(not isinstance(step.origin, Copy) for step in steps):
        check_effort(Codec.named(codec), options.effort)
    threads = costs.thread_count(options.threads)
    anew = [i for i, step in enumerate(steps) if isinstance(step.origin, Stored)]
    again = [
        reencoding_loss(anew, codec, quality),
        edge_loss(_cut(steps) if target.uniform else []),
    ]
    lossy = facts.smaller and codec == Codec.JPEG.value
    pictures = picture_steps(facts.pictures, target, quality if lossy else None)
    lost = (*info.losses, *target.load().expected_losses(info), *filter(None, again))
    if any(not isinstance(step.origin, Copy) for step in steps):
        lost = (*lost, *mask_losses(target, info, Codec.named(codec)))
    lost = (*lost, *picture_losses(pictures, facts.pictures))
    return ConversionPlan(
        source=facts.path,
        target=target,
        steps=tuple(steps),
        losses=lost,
        quality=quality,
        resample=options.resample,
        notes=(
            *plan_notes(
                target,
                options,
                copied=list(dict.fromkeys(s.codec for s in steps if s.action == "copy")),
                made=list(dict.fromkeys(s.codec for s in steps if s.action != "copy")),
                quality=quality,
                growth=_growth(steps, facts),
                shrunk=any(isinstance(step.origin, Scaled | Cascade) for step in steps),
                source=None if facts.tiles[0] is None else facts.tiles[0].tiles.format.codec,
            ),
            *picture_notes(pictures, facts.pictures),
            *facts.notes,
        ),
        pictures=pictures,
        expected_bytes=sum(step.expected_bytes for step in steps)
        + sum(picture.expected_bytes for picture in pictures)
        + costs.OVERHEAD_BYTES,
        expected_seconds=costs.seconds([_work(step, facts) for step in steps], threads),
        expected_memory=costs.memory(_row_bytes(steps, info), threads),
        backend=info.backend,
        declined=info.declined,
    )


def _wanted(
    info: ImageInfo, target: Output, options: ConvertOptions, smallest: int
) -> list[LevelSpec]:
    """Return the wanted levels. A library that makes them makes all, or takes all stored."""
    if target.flat:
        return stored_levels(info.levels[:1])
    if target.uniform:
        return exact_levels(info.levels, smallest)
    if options.levels is Levels.SOURCE:
        return stored_levels(info.levels)
    last = info.levels[-1]
    if not target.levels_by_library:
        return full_levels(info.levels, smallest)
    if max(last.width, last.height) <= smallest:
        return stored_levels(info.levels)
    specs = stored_levels(info.levels[:1])
    while max(specs[-1].width, specs[-1].height) > smallest:  # halves rounded down
        specs.append(LevelSpec(max(1, specs[-1].width // 2), max(1, specs[-1].height // 2), None))
    return specs


def _step(
    level: LevelSpec,
    above: Step | None,
    facts: SourceFacts,
    target: Output,
    options: ConvertOptions,
    encoding: tuple[str, int | None],
    tile: tuple[int, int],
) -> Step:
    info, (codec, quality) = facts.info, encoding
    if level.stored is not None:
        stored = facts.tiles[level.stored]
        refusal = copy_refusal(stored, info, target, options)
        if stored is not None and refusal is None and target.uniform:
            refusal = _other_size(stored.tiles, tile)
        if stored is not None and refusal is None:
            tiles = stored.tiles
            count = tiles.columns * tiles.rows * info.frames
            name = tile_codec_name(tiles.format)
            reason = f"the source stores it as {target.tiles}, {name}"
            reason = reason if tiles.note is None else f"{reason}; {tiles.note}"
            size = round(count * stored.mean_bytes)
            return Step(
                level.width, level.height, tiles.tile_width, tiles.tile_height,
                Copy(level.stored), name, reason, info.frames, size,
            )  # fmt: skip
        origin: Origin = Stored(level.stored)
        reason = f"encoded as {codec}{quality_text(quality)}: {refusal}"
    else:
        origin, reason = _made_from(above, facts, options.resample)
    size = costs.encoded_bytes(level.width, level.height, info, codec) * info.frames
    if not target.padded and not target.uniform:
        tile = min(tile[0], _even(level.width)), min(tile[1], _even(level.height))
    return Step(level.width, level.height, *tile, origin, codec, reason, info.frames, size)


def _even(size: int) -> int:
    return size + size % 2


def _other_size(tiles: EncodedLevel, wanted: tuple[int, int]) -> str | None:
    """Return why tiles don't go with those of the other levels; None where they do."""
    if (tiles.tile_width, tiles.tile_height) == wanted:
        return None
    return f"its tiles are {tiles.tile_width} x {tiles.tile_height}, all others {wanted[0]} wide"


def _cut(steps: list[Step]) -> list[int]:
    """Return the copied levels of which tiles reach over the edge."""
    return [
        number
        for number, step in enumerate(steps)
        if isinstance(step.origin, Copy)
        and (step.width % step.tile_width or step.height % step.tile_height)
    ]


def _made_from(
    above: Step | None, facts: SourceFacts, reducer: Reducer | None
) -> tuple[Origin, str]:
    """Choose between decoding a copied level at half scale and halving pixels as they pass.

    What is decoded at half scale is a mean, whatever else was asked for.
    """
    if above is None:
        raise ValueError("the first level is never made: the source has it")
    if isinstance(above.origin, Copy) and reducer in (None, Reducer.MEAN):
        stored = facts.tiles[above.origin.level]
        if stored is not None and _halvable(stored.tiles, facts.info):
            return Scaled(above.origin.level, 2), "missing: the level above, decoded at half scale"
    return Cascade(), "missing: the level above, halved as it passes"


def _halvable(tiles: EncodedLevel, info: ImageInfo) -> bool:
    even = tiles.tile_width % 16 == 0 and tiles.tile_height % 16 == 0
    averages = info.interpretation in (Interpretation.RGB, Interpretation.GRAY)
    return tiles.format.codec in SCALABLE and even and averages and info.dtype.itemsize == 1


def _work(step: Step, facts: SourceFacts) -> costs.Work:
    info = facts.info
    return costs.Work(
        action=step.action,
        pixel_bytes=step.width * step.height * step.frames * info.bands * info.dtype.itemsize,
        codec=step.codec,
        source=_decoded_from(step, facts),
        copied_bytes=step.expected_bytes if step.action == "copy" else 0,
    )


def _decoded_from(step: Step, facts: SourceFacts) -> str | None:
    """Return what is decoded to read a step's pixels, as :class:`costs.Work` wants it."""
    if not isinstance(step.origin, Stored):
        return None
    stored = facts.tiles[step.origin.level]
    if stored is None:
        return "composed" if facts.info.composed else "other"
    form = stored.tiles.format
    return str(form.codec.value) if form.zarr is None else "zarr"


def _growth(steps: list[Step], facts: SourceFacts) -> float | None:
    """Return the size of the source's own levels in the output over that in the source."""
    before = after = 0.0
    for step in steps:
        stored = facts.tiles[step.origin.level] if isinstance(step.origin, Stored) else None
        if stored is not None:
            tiles = stored.tiles.columns * stored.tiles.rows * facts.info.frames
            before += tiles * stored.mean_bytes
            after += step.expected_bytes
    return after / before if before else None


def _row_bytes(steps: list[Step], info: ImageInfo) -> int | None:
    made = [step for step in steps if step.action != "copy"]
    if not made:
        return None
    largest = max(step.width * step.tile_height for step in made)
    return largest * info.bands * info.dtype.itemsize
