"""The read API against the reference, call by call, on every file of the data folder.

``python -m benchmarks.compare.reference [--cases 200] [--json report.json] [part of a name …]``

For each file that both open: metadata; random regions × units × scales × outputs × frames; random
tile iterations; levels, points and regions at other scales. Sizes and numbers must be the same;
pixels too where nothing is resampled, and close to it elsewhere. What differs for a reason that is
known (``known.py``) is counted by that reason; the rest is unexplained, and shown.

The reference answers in processes of bounded memory and time. One that ends before its time has
lost the case at hand, which is counted, and the next one goes on behind it.
"""

import argparse
import json
import pickle
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import ziggurat
from benchmarks.compare.cases import DATA, HERE, files, make_cases
from benchmarks.compare.judge import Outcome, checked, judge, judge_metadata, same
from benchmarks.compare.known import Case, reason
from benchmarks.peers import python_of

MOST_RESTARTS = 12


def own_path(path):
    """Return what we open for a path of the reference's: the folder that its .zattrs is in."""
    path = Path(path)
    return path.parent if path.name == ".zattrs" else path


def ours(source, kind, kwargs):
    """Answer a case with ziggurat."""
    try:
        if kind == "region":
            data, _ = source.getRegion(format="numpy", **kwargs)
            return {"shape": data.shape, "pixels": data}
        if kind == "tiles":
            tiles = []
            for tile in source.tileIterator(format="numpy", **kwargs):
                facts = {key: tile[key] for key in tile if key not in ("tile", "format")}
                pixels = tile["tile"]
                tiles.append({**facts, "shape": pixels.shape, "pixels": checked(pixels)})
            return {"tiles": tiles}
        if kind == "level":
            return {"level": source.getLevelForMagnification(**kwargs)}
        if kind == "convert":
            return {"region": source.convertRegionScale(**kwargs)}
        return {"point": source.getPointAtAnotherScale(**kwargs)}
    except ziggurat.errors.ZigguratError as error:
        return {"error": repr(error)}


def theirs(python, path, cases):
    """Yield the facts of a file, then the answer to each case, as the reference gives them."""
    done, restarts, told = 0, 0, False
    with tempfile.TemporaryDirectory() as folder:
        questions = Path(folder, "cases.json")
        while True:
            questions.write_text(json.dumps(cases[done:]))
            command = [python, str(HERE / "reference_worker.py"), str(path), str(questions)]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as worker:
                try:
                    facts = pickle.load(worker.stdout)
                    if not told:
                        told = True
                        yield facts
                    while done < len(cases) and "error" not in facts:
                        answer = pickle.load(worker.stdout)
                        done += 1
                        yield answer
                    return
                except (EOFError, pickle.UnpicklingError):
                    pass
                finally:
                    worker.kill()
            if not told:
                yield {"error": f"its process ended with {worker.returncode}"}
                return
            restarts += 1
            left = len(cases) - done if restarts > MOST_RESTARTS else 1
            for _ in range(left):
                done += 1
                yield {"error": f"its process ended with {worker.returncode}"}
            if done == len(cases):
                return


def uses_scale(kind, kwargs):
    """Return whether a case depends on what the file says about its pixel size."""
    text = json.dumps(kwargs)
    return kind == "tiles" or any(
        word in text for word in ("mm_x", "magnification", '"mm"', '"um"')
    )


def verdicts(source, cases, answers, facts):
    """Yield (verdict, kind, arguments, ours, theirs) for the metadata and for each case."""
    meta = source.getMetadata()
    for key, verdict in judge_metadata(meta, facts["metadata"]).items():
        yield verdict, "metadata", {}, meta.get(key), facts["metadata"].get(key)
    same_scale = same(source.getNativeMagnification(), facts["native"])
    for (kind, kwargs), answer in zip(cases, answers, strict=True):
        if not same_scale and uses_scale(kind, kwargs):
            continue  # told once, as a difference of the metadata
        resampled = any(key in kwargs for key in ("scale", "output"))
        mine = ours(source, kind, kwargs)
        yield judge(kind, mine, answer, resampled), kind, kwargs, mine, answer


def compare_file(python, path, count, show):
    """Compare one file, print what differs, and return the counts."""
    name = str(path.relative_to(DATA))
    started = time.monotonic()
    try:
        source = ziggurat.open(own_path(path))
    except ziggurat.errors.SourceError as error:
        print(f"{name}: not ours: {error}"[:200])
        return {"ours": str(error)}
    with source:
        cases = make_cases(name, source._image().reader.info, source.getMetadata(), count)
        answers = theirs(python, path, cases)
        facts = next(answers)
        if "error" in facts:
            print(f"{name}: not the reference's: {facts['error'][:120]}")
            return {"reference": facts["error"]}
        counts, known, open_ones = Counter(), Counter(), {}
        for verdict, *case in verdicts(source, cases, answers, facts):
            counts["cases"] += 1
            if verdict.outcome is not Outcome.DIFFERENT:
                counts[verdict.outcome.value] += 1
                continue
            what = (name, facts["class"], source, verdict.what, verdict.detail)
            why = reason(Case(*what, *case))
            if why:
                known[why] += 1
            else:
                counts["unexplained"] += 1
                open_ones.setdefault(verdict.what, []).append(f"{verdict.detail}  {case[:2]}")
    counts["known"] = sum(known.values())
    columns = ("cases", "equal", "close", "refused", "known", "unexplained")
    numbers = " ".join(f"{counts[column]:6}" for column in columns)
    kind = facts["class"].removesuffix("FileTileSource").removesuffix("TileSource")
    print(f"{name[-48:]:48} {kind:10} {numbers} {time.monotonic() - started:5.0f} s", flush=True)
    for what, lines in open_ones.items():
        for line in lines[:show]:
            print(f"    {what} ({len(lines)}): {line[:600]}")
    details = {what: lines[:20] for what, lines in open_ones.items()}
    return {**counts, "source": kind, "reasons": dict(known), "open": details}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--json", help="where the report goes; what other files it holds is kept")
    parser.add_argument("--show", type=int, default=2, help="examples of an unexplained kind")
    options = parser.parse_args()
    python = python_of("reference")
    if python is None:
        raise SystemExit("the reference can't be installed here")
    print(f"{'file':48} {'reference':10}  cases  equal  close refuse  known unexpl")
    kept = Path(options.json) if options.json else None
    report = json.loads(kept.read_text()) if kept and kept.exists() else {}
    for path in files(options.names):
        found = compare_file(python, path, options.cases, options.show)
        report[str(path.relative_to(DATA))] = found
        if kept:
            kept.write_text(json.dumps(report, indent=1, default=str))
    sys.exit(summary(report))


def summary(report):
    """Print the sums and every reason; return how many differences have none."""
    total, reasons = Counter(), Counter()
    both = [entry for entry in report.values() if "cases" in entry]
    for entry in both:
        total.update({key: value for key, value in entry.items() if isinstance(value, int)})
        reasons.update(entry["reasons"])
    print(f"\n{total['cases']} comparisons in {len(both)} files that both open: ", end="")
    print(", ".join(f"{total[o]} {o}" for o in ("equal", "close", "refused", "known")))
    for why, number in reasons.most_common():
        print(f"{number:7}  {why}")
    print(f"{total['unexplained']} unexplained")
    return min(total["unexplained"], 1)


if __name__ == "__main__":
    main()
