#!/usr/bin/env python3
"""Draws the demo district: an invented inner-city district in the spirit of Shanghai, from nothing but this file.

No surveyed data goes in. A handful of hand-placed nodes (kilometres around 121.39 E, 31.21 N) give the outline, the
arteries, the river and the parks; the streets between them are traced through a direction field that follows the
arteries and the river, which is what makes old cities look grown. Everything is deterministic (one seed), standard
library only. Interior borders of the sub-districts run along arteries and share their vertices exactly, so the ten
polygons tile the outline without a gap. Every crossing of two roads is a vertex of both: the simulator builds its road
graph from equal coordinates.

    python3 generate.py              writes district.geojson beside this file
    python3 generate.py --svg FILE   also draws it, to be judged by eye
"""

import json
import math
import os
import random
import sys

LON0, LAT0 = 121.39, 31.21
KM_LON = 111.320 * math.cos(math.radians(LAT0))
KM_LAT = 110.85
RNG = random.Random(20261124)

# ---------------------------------------------------------------- hand-placed skeleton, kilometres east and north

RIVER = [(-5.1, 1.45), (-4.55, 1.75), (-4.0, 2.02), (-3.4, 1.55), (-2.75, 1.95), (-1.9, 2.72), (-1.15, 2.2),
         (-0.5, 1.72), (0.3, 2.12), (1.0, 2.78), (1.8, 2.42), (2.4, 1.82), (3.2, 2.05), (3.85, 2.68), (4.4, 2.62),
         (5.1, 2.35)]
CANAL = [(-2.75, 1.95), (-2.92, 1.2), (-2.78, 0.35), (-3.05, -0.6), (-2.98, -1.5), (-3.25, -2.2), (-3.15, -3.25)]
CREEK = [(2.4, 1.82), (2.55, 1.1), (2.32, 0.35), (2.62, -0.35), (2.5, -1.0), (2.85, -1.9)]

NODES = {
    "N0": (4.1, 2.68), "N1": (4.45, 1.55), "N2": (4.12, 0.62), "N3": (4.3, -0.55), "N4": (3.6, -1.5),
    "N5": (2.2, -1.75), "N6": (1.35, -2.35), "N7": (0.05, -2.2), "N8": (-1.3, -2.85), "N9": (-2.35, -2.95),
    "N10": (-4.0, -2.6), "N11": (-4.5, -1.4), "N12": (-4.25, -0.2), "N13": (-4.55, 0.9), "N14": (-4.1, 2.6),
    "N15": (-2.9, 3.05), "N16": (-1.9, 2.72), "N17": (-0.5, 1.72), "N18": (0.3, 2.12), "N19": (2.4, 1.82),
    "I1": (-2.1, 1.5), "I2": (-2.3, 0.42), "I3": (-2.15, -1.25), "I4": (-0.78, 0.62), "I5": (-0.62, -0.98),
    "I6": (0.55, 0.72), "I7": (0.7, -0.72), "I8": (1.8, 0.98), "I9": (1.95, -0.55), "I10": (3.05, 0.72),
}

# name, class, waypoints (node names or places)
ARTERIES = [
    ("望河大道", "primary", ["N13", (-3.4, 0.72), "I2", "I4", "I6", "I8", "I10", "N2"]),
    ("锦帆南路", "primary", [(-4.42, -1.2), (-3.3, -1.05), "I3", "I5", "I7", "I9", (3.1, -0.62), "N3"]),
    ("云杉路", "primary", ["N16", "I1", "I2", (-2.36, -0.4), "I3", "N9"]),
    ("晴川路", "primary", ["N17", "I4", (-0.86, -0.15), "I5", (-0.2, -1.6), "N7"]),
    ("知春路", "primary", ["N19", "I8", (1.98, 0.25), "I9", (2.2, -1.2), "N5"]),
    ("示范环线高架", "expressway", [(2.75, 0.05), (2.35, 1.05), (1.1, 1.4), (-0.3, 1.18), (-1.5, 1.02), (-1.82, 0.1),
                              (-1.62, -1.1), (-0.75, -1.72), (0.75, -1.55), (2.0, -1.12), (2.75, 0.05)]),
    ("澄空高架", "expressway", [(-4.33, -0.4), (-3.5, -0.3), (-2.6, -0.05), (-1.82, 0.1)]),
    ("澄湖隧道", "expressway", [(-1.82, 0.1), (-1.3, 0.08), (-0.86, -0.15), (-0.3, -0.12)]),
    ("澄空高架东段", "expressway", [(-0.3, -0.12), (0.6, 0.02), (1.98, 0.25), (2.75, 0.05), (3.5, 0.0), (4.24, 0.1)]),
    ("北渚大道", "primary", [(-3.75, -2.68), (-3.62, -1.1), (-3.78, 0.2), (-3.42, 0.72), (-3.2, 1.75), (-3.35, 2.92)]),
    ("青溪斜路", "primary", [(-2.15, -1.25), (-1.2, -0.3), (-0.3, 0.25), (0.55, 0.72), (1.45, 1.75), (1.75, 2.3)]),
    ("柳堤路", "secondary", "RIVERSIDE"),
]

PARKS = [("澄湖公园", (-1.02, 0.28), 0.36, 0.27), ("望河湿地公园", (-3.75, 1.45), 0.34, 0.2),
         ("云杉森林公园", (-1.55, -2.1), 0.38, 0.27), ("知春中心绿地", (1.3, 0.3), 0.24, 0.2),
         ("柳堤滨河公园", (0.35, 1.78), 0.3, 0.15), ("东岸体育公园", (3.45, 1.32), 0.26, 0.22),
         ("晴川植物园", (0.6, -1.95), 0.27, 0.17), ("南塘公园", (3.2, -1.08), 0.2, 0.15),
         ("北渚郊野公园", (-2.55, 2.55), 0.3, 0.22), ("示范儿童公园", (0.02, -0.45), 0.13, 0.11),
         ("青溪口袋公园", (-1.75, 0.72), 0.11, 0.1), ("锦帆绿地", (3.35, 0.3), 0.14, 0.12)]

SUBDISTRICTS = [
    ("北渚示范镇", ["N13", "I2", "I1", "N16", "N15", "N14"]),
    ("西场示范街道", ["N13", "N12", "N11", "N10", "N9", "I3", "I2"]),
    ("云杉示范街道", ["I1", "I2", "I4", "N17", "N16"]),
    ("青溪示范街道", ["I2", "I3", "I5", "I4"]),
    ("南塘示范街道", ["I3", "N9", "N8", "N7", "I5"]),
    ("知春示范街道", ["I4", "I5", "I7", "I9", "I8", "I6"]),
    ("柳堤示范街道", ["N17", "I4", "I6", "I8", "N19", "N18"]),
    ("晴川示范街道", ["I5", "N7", "N6", "N5", "I9", "I7"]),
    ("东岸示范街道", ["N19", "I8", "I10", "N2", "N1", "N0"]),
    ("锦帆示范街道", ["I8", "I9", "N5", "N4", "N3", "N2", "I10"]),
]
OUTLINE = ["N0", "N19", "N18", "N17", "N16", "N15", "N14", "N13", "N12", "N11", "N10", "N9", "N8", "N7", "N6", "N5",
           "N4", "N3", "N2", "N1"]
RIVER_EDGES = [("N16", "N17"), ("N17", "N18"), ("N18", "N19"), ("N19", "N0")]

FIRST = "映安宁澄和景泰文瑞清永新明嘉兴庆宜延丰华荣昌顺康德仁义信礼智松桂竹梅兰荷枫榆槐桐"
SECOND = "月波岚溪桥门园台湖亭林泉塘池浦泾渡湾畔坊里庭苑"
REAL = ("安亭", "枫桥", "桂林", "华亭", "丰台", "兰亭", "荣塘", "松园", "梅园", "竹园")  # too well known to be invented
TAIL_MAIN, TAIL_SIDE = ["路", "大道", "东路", "西路", "北路", "南路"], ["路", "路", "街", "弄", "里"]

# ---------------------------------------------------------------- small plane geometry


def spline(points, step=0.06):
    """Centripetal-looking Catmull-Rom curve through all points, about `step` kilometres between vertices."""
    closed = points[0] == points[-1]
    out = []
    n = len(points)
    for i in range(n - 1):
        p1, p2 = points[i], points[i + 1]
        p0 = points[i - 1] if i > 0 else (points[n - 2] if closed else (2 * p1[0] - p2[0], 2 * p1[1] - p2[1]))
        p3 = points[i + 2] if i + 2 < n else (points[1] if closed else (2 * p2[0] - p1[0], 2 * p2[1] - p1[1]))
        count = max(2, int(math.dist(p1, p2) / step))
        for k in range(count):
            t = k / count
            out.append(tuple(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t
                                    + (3 * b - a - 3 * c + d) * t ** 3)
                             for a, b, c, d in zip(p0, p1, p2, p3)))
        out[-count] = p1
    out.append(points[-1])
    return out


def between(line, a, b):
    """The part of a polyline from vertex a to vertex b (both must be vertices of it), in that direction."""
    i, j = line.index(a), line.index(b)
    return line[i:j + 1] if i <= j else line[j:i + 1][::-1]


def wild(a, b, key):
    """An uneven border between two nodes: three rounds of displaced midpoints, the same for (a, b) and (b, a)."""
    rng = random.Random(key)
    line = [a, b]
    for level in range(4):
        fresh = [line[0]]
        for p, q in zip(line, line[1:]):
            reach = math.dist(p, q) * (0.13 if level < 2 else 0.07)
            off = rng.uniform(-reach, reach)
            dx, dy = q[0] - p[0], q[1] - p[1]
            length = math.hypot(dx, dy)
            fresh += [((p[0] + q[0]) / 2 - dy / length * off, (p[1] + q[1]) / 2 + dx / length * off), q]
        line = fresh
    return line


def inside(p, ring):
    hit = False
    for (x1, y1), (x2, y2) in zip(ring, ring[1:] + ring[:1]):
        if (y1 > p[1]) != (y2 > p[1]) and p[0] < (x2 - x1) * (p[1] - y1) / (y2 - y1) + x1:
            hit = not hit
    return hit


def crossing(a, b, c, d):
    """Parameters (t on ab, u on cd) where the segments cross, or None."""
    r, s = (b[0] - a[0], b[1] - a[1]), (d[0] - c[0], d[1] - c[1])
    den = r[0] * s[1] - r[1] * s[0]
    if abs(den) < 1e-12:
        return None
    q = (c[0] - a[0], c[1] - a[1])
    t, u = (q[0] * s[1] - q[1] * s[0]) / den, (q[0] * r[1] - q[1] * r[0]) / den
    return (t, u) if -1e-9 <= t <= 1 + 1e-9 and -1e-9 <= u <= 1 + 1e-9 else None


def band(line, width):
    """A polygon along a line; width(i/n) is the half width in kilometres."""
    left, right = [], []
    n = len(line)
    for i, p in enumerate(line):
        a, b = line[max(0, i - 1)], line[min(n - 1, i + 1)]
        dx, dy = b[0] - a[0], b[1] - a[1]
        length = math.hypot(dx, dy)
        w = width(i / n)
        left.append((p[0] - dy / length * w, p[1] + dx / length * w))
        right.append((p[0] + dy / length * w, p[1] - dx / length * w))
    return left + right[::-1]


def blob(center, rx, ry, key, n=40):
    rng = random.Random(key)
    waves = [(rng.uniform(0, 6.28), rng.uniform(0.04, 0.12) / k, k + 1) for k in range(1, 5)]
    tilt = rng.uniform(-0.5, 0.5)
    ring = []
    for i in range(n):
        a = 2 * math.pi * i / n
        r = 1 + sum(amp * math.sin(k * a + phase) for phase, amp, k in waves)
        # a superellipse: parks fill blocks, they are no circles
        c, s = math.cos(a), math.sin(a)
        q = (abs(c) ** 3.2 + abs(s) ** 3.2) ** (-1 / 3.2)
        x, y = rx * r * q * c, ry * r * q * s
        ring.append((center[0] + x * math.cos(tilt) - y * math.sin(tilt),
                     center[1] + x * math.sin(tilt) + y * math.cos(tilt)))
    return ring


def at(p):
    return NODES[p] if isinstance(p, str) else p


class Near:
    """A hash grid of road samples: place, direction, owner."""

    def __init__(self, cell=0.15):
        self.cell, self.grid = cell, {}

    def add(self, p, angle, owner):
        self.grid.setdefault((int(p[0] // self.cell), int(p[1] // self.cell)), []).append((p, angle, owner))

    def parallel(self, p, angle, reach, owner=None):
        k = int(reach / self.cell) + 1
        cx, cy = int(p[0] // self.cell), int(p[1] // self.cell)
        for x in range(cx - k, cx + k + 1):
            for y in range(cy - k, cy + k + 1):
                for q, other, who in self.grid.get((x, y), ()):
                    if who != owner and math.dist(p, q) < reach and abs(math.cos(other - angle)) > 0.8:
                        return True
        return False


# ---------------------------------------------------------------- the district


def main():
    river = spline(RIVER, 0.05)
    canal, creek = spline(CANAL, 0.05), spline(CREEK, 0.05)
    roads = []  # [name, class, points, tunnel]
    for name, kind, way in ARTERIES:
        if way == "RIVERSIDE":
            line = [(p[0], p[1]) for p in band(river, lambda t: 0.13)[len(river):]][::-1]
            line = line[3::4]
        else:
            line = spline([at(p) for p in way], 0.09)
        roads.append([name, kind, line, "隧道" in name])

    # borders: arteries inside, river or uneven lines outside
    edges = {}

    def edge(a, b):
        if (a, b) in edges:
            return edges[(a, b)]
        for _, _, line, _ in roads:
            if NODES[a] in line and NODES[b] in line:
                found = between(line, NODES[a], NODES[b])
                break
        else:
            if (a, b) in RIVER_EDGES or (b, a) in RIVER_EDGES:
                start, end = (min(river, key=lambda p: math.dist(p, NODES[n])) for n in (a, b))
                found = [NODES[a]] + between(river, start, end)[1:-1] + [NODES[b]]
            else:
                found = wild(NODES[a], NODES[b], a + b)
        edges[(a, b)], edges[(b, a)] = found, found[::-1]
        return found

    def ring(names):
        out = []
        for a, b in zip(names, names[1:] + names[:1]):
            out += edge(a, b)[:-1]
        return out

    outline = ring(OUTLINE)
    subdistricts = [(name, ring(names)) for name, names in SUBDISTRICTS]
    parks = [(name, blob(c, rx, ry, name)) for name, c, rx, ry in PARKS]
    lake = blob((-1.0, 0.27), 0.2, 0.13, "lake")
    ponds = [("澄湖", lake), ("植物园池", blob((0.66, -1.97), 0.09, 0.05, "pond")),
             ("湿地塘", blob((-3.72, 1.42), 0.12, 0.06, "marsh")), ("森林湖", blob((-1.6, -2.08), 0.12, 0.07, "forest"))]
    plant = blob((-3.82, -1.98), 0.2, 0.17, "plant")
    closed = [ring_ for _, ring_ in parks] + [plant]

    # direction field: parallel or square to the nearest arteries and the river (angle doubled twice: four-fold symmetry)
    guides = []
    for line, weight in [(r[2], 1.0) for r in roads] + [(river, 1.3), (canal, 0.5), (creek, 0.5)]:
        for p, q in zip(line, line[1:]):
            guides.append(((p[0] + q[0]) / 2, (p[1] + q[1]) / 2, math.atan2(q[1] - p[1], q[0] - p[0]), weight))

    def heading(p):
        c = s = 0.0
        for x, y, angle, weight in guides:
            d2 = (x - p[0]) ** 2 + (y - p[1]) ** 2
            if d2 < 4.0:
                w = weight / (d2 + 0.02) ** 1.5
                c += w * math.cos(4 * angle)
                s += w * math.sin(4 * angle)
        return math.atan2(s, c) / 4 + 0.1 * math.sin(1.3 * p[0] + 0.4) * math.cos(1.7 * p[1])

    near = Near()
    for i, (_, _, line, _) in enumerate(roads):
        for p, q in zip(line, line[1:]):
            near.add(p, math.atan2(q[1] - p[1], q[0] - p[0]), i)

    wet = [river, canal, creek]

    def trace(seed, turn, reach, owner, may_cross, longest):
        """One street through `seed`, both ways, until it meets a parallel one, the border, a park or water."""
        halves = []
        for sign in (1, -1):
            p, last, half = seed, None, []
            while len(half) * 0.05 < longest:
                angle = heading(p) + turn
                if last is None:
                    angle += math.pi if sign < 0 else 0
                else:
                    while math.cos(angle - last) < 0.7 and abs(math.cos(angle - last)) < 0.7:
                        angle += math.pi / 2
                    if math.cos(angle - last) < 0:
                        angle += math.pi
                q = (p[0] + 0.05 * math.cos(angle), p[1] + 0.05 * math.sin(angle))
                if not inside(q, outline) or any(inside(q, c) for c in closed):
                    half.append(q)
                    break
                if not may_cross and any(crossing(p, q, a, b) for w in wet for a, b in zip(w, w[1:])):
                    break
                if near.parallel(q, angle, reach, owner):
                    half.append(q)
                    break
                half.append(q)
                p, last = q, angle
            halves.append(half)
        return halves[1][::-1] + [seed] + halves[0]

    def fill(kind, reach, shortest, longest, tries, may_cross):
        for _ in range(tries):
            seed = (RNG.uniform(-4.6, 4.5), RNG.uniform(-3.0, 3.0))
            if not inside(seed, outline) or any(inside(seed, c) for c in closed):
                continue
            for turn in (0.0, math.pi / 2):
                angle = heading(seed) + turn
                if near.parallel(seed, angle, reach * 1.25):
                    continue
                line = trace(seed, turn, reach, len(roads), may_cross, longest)
                if (len(line) - 1) * 0.05 < shortest:
                    continue
                for p, q in zip(line, line[1:]):
                    near.add(p, math.atan2(q[1] - p[1], q[0] - p[0]), len(roads))
                roads.append(["", kind, line[::2] + ([line[-1]] if len(line) % 2 == 0 else []), False])

    fill("secondary", 0.36, 1.3, 2.6, 900, True)
    mains = len(roads)
    fill("minor", 0.155, 0.3, 0.9, 5000, False)

    # crossings become shared vertices; what hangs in the air is cut back to the last crossing or the border
    def snap(p):
        return (round(p[0] * 2e3) / 2e3, round(p[1] * 2e3) / 2e3)

    def extend(line, by):
        (a, b), (y, z) = (line[0], line[1]), (line[-2], line[-1])
        da, dz = math.dist(a, b), math.dist(y, z)
        first = (a[0] + (a[0] - b[0]) / da * by, a[1] + (a[1] - b[1]) / da * by)
        final = (z[0] + (z[0] - y[0]) / dz * by, z[1] + (z[1] - y[1]) / dz * by)
        return [first] + line + [final]

    lines = [extend(r[2], 0.16) if i >= len(ARTERIES) else r[2] for i, r in enumerate(roads)]
    boxes = [(min(p[0] for p in l), min(p[1] for p in l), max(p[0] for p in l), max(p[1] for p in l)) for l in lines]
    hits = [[[] for _ in l] for l in lines]
    for i, a in enumerate(lines):
        for j in range(i + 1, len(lines)):
            A, B = boxes[i], boxes[j]
            if A[0] > B[2] or B[0] > A[2] or A[1] > B[3] or B[1] > A[3]:
                continue
            b = lines[j]
            for m in range(len(a) - 1):
                for n in range(len(b) - 1):
                    if abs(a[m][0] - b[n][0]) > 0.4 or abs(a[m][1] - b[n][1]) > 0.4:
                        continue
                    got = crossing(a[m], a[m + 1], b[n], b[n + 1])
                    if got:
                        t = got[0]
                        p = (a[m][0] + t * (a[m + 1][0] - a[m][0]), a[m][1] + t * (a[m + 1][1] - a[m][1]))
                        hits[i][m].append((got[0], snap(p)))
                        hits[j][n].append((got[1], snap(p)))
    kept = []
    for i, line in enumerate(lines):
        full, joints = [], set()
        for k, p in enumerate(line):
            full.append(p)
            for _, q in sorted(hits[i][k]):
                if math.dist(full[-1], q) < 0.012 and full[-1] not in joints:
                    full[-1] = q
                elif full[-1] != q:
                    full.append(q)
                joints.add(q)
        marks = [k for k, p in enumerate(full) if p in joints]
        if i >= len(ARTERIES):
            if len(marks) < 2:
                continue
            full = full[marks[0]:marks[-1] + 1]
        # the longest run inside the district (artery ends stand on the border itself)
        runs = [[]]
        for p in full:
            if inside(p, outline) or p in NODES.values() or (p in joints and i < len(ARTERIES)):
                runs[-1].append(p)
            elif runs[-1]:
                runs.append([])
        ok = max(runs, key=len)
        clean = [ok[0]] if ok else []
        for p in ok[1:]:
            if p != clean[-1]:
                clean.append(p)
        length = sum(math.dist(p, q) for p, q in zip(clean, clean[1:]))
        if len(clean) >= 2 and (i < mains or length > 0.2):
            kept.append([roads[i][0], roads[i][1], clean, roads[i][3], length])

    # only one connected piece
    where = {}
    for k, r in enumerate(kept):
        for p in r[2]:
            where.setdefault(p, set()).add(k)
    reached, todo = set(), [0]
    while todo:
        k = todo.pop()
        if k not in reached:
            reached.add(k)
            for p in kept[k][2]:
                todo += where[p]
    dropped = len(kept) - len(reached)
    kept = [r for k, r in enumerate(kept) if k in reached]

    # names
    used = {r[0] for r in kept}
    for r in kept:
        while not r[0]:
            stem = RNG.choice(FIRST) + RNG.choice(SECOND)
            name = stem + RNG.choice(TAIL_MAIN if r[1] == "secondary" else TAIL_SIDE)
            if stem not in REAL and not any(u.startswith(stem) for u in used):
                r[0] = name
                used.add(name)

    def pick(kind, count, least, offset):
        """Places beside roads of the given classes, at least `least` kilometres apart, spread over the district."""
        out, tries = [], 0
        pool = [(p, q) for r in kept if r[1] in kind and not r[3] for p, q in zip(r[2], r[2][1:])]
        while len(out) < count and tries < 20000:
            tries += 1
            p, q = RNG.choice(pool)
            t, length = RNG.random(), math.dist(p, q)
            side = RNG.choice((-1, 1)) * offset / length
            x = (p[0] + t * (q[0] - p[0]) - (q[1] - p[1]) * side, p[1] + t * (q[1] - p[1]) + (q[0] - p[0]) * side)
            if inside(x, outline) and all(math.dist(x, o) > least for o in out) \
                    and not any(inside(x, w) for _, w in ponds):
                out.append(x)
        return out

    def middle(ring_):
        best = max(((x / 20, y / 20) for x in range(-95, 95) for y in range(-66, 66) if inside((x / 20, y / 20), ring_)),
                   key=lambda p: min(math.dist(p, q) for q in ring_))
        return best

    def street(p):
        return min((min(math.dist(p, q) for q in r[2]), r[0]) for r in kept if r[1] != "expressway")[1]

    facilities = [("示范区市容指挥中心", "command_centre", (0.86, -0.2)),
                  ("示范区生活垃圾处置中心", "waste_plant", (-3.82, -1.98))]
    for name, ring_ in subdistricts:
        facilities.append((name.replace("示范街道", "").replace("示范镇", "") + "城管中队", "patrol_base", middle(ring_)))
    for kind, label, count, least, offset in [("transfer_station", "垃圾中转站", 5, 1.6, 0.05), ("depot", "环卫停保场", 3, 2.2, 0.07),
                                              ("rest_point", "环卫工人爱心站", 14, 0.9, 0.03), ("toilet", "公厕", 36, 0.5, 0.02),
                                              ("charging_station", "充电站", 28, 0.55, 0.04),
                                              ("air_station", "空气质量微站", 12, 1.1, 0.05)]:
        for p in pick(("primary", "secondary", "minor"), count, least, offset):
            facilities.append((street(p) + label, kind, p))
    for r in kept:
        if r[1] == "minor" or r[3]:
            continue
        for water, label in ((river, "桥"), (canal, "柳泾桥"), (creek, "青蒲桥")):
            for p, q in zip(r[2], r[2][1:]):
                for a, b in zip(water, water[1:]):
                    got = crossing(p, q, a, b)
                    if got:
                        x = (p[0] + got[0] * (q[0] - p[0]), p[1] + got[0] * (q[1] - p[1]))
                        if not any(math.dist(x, f[2]) < 0.1 for f in facilities if f[1] == "bridge"):
                            facilities.append((r[0].rstrip("路") + label, "bridge", x))
    facilities.append(("示范区会展中心", "landmark", (2.25, 0.62)))
    facilities.append(("望河双子塔", "landmark", (0.95, 1.05)))
    facilities.append(("锦帆剧场", "landmark", (3.2, -0.2)))
    facilities.append(("晴川天地商业街区", "landmark", (0.25, -1.2)))

    seen = {}
    for k, (name, kind, p) in enumerate(facilities):
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            facilities[k] = (name + "〇一二三四五六七"[seen[name]] + "号", kind, p)

    # ------------------------------------------------------------ write
    def lonlat(p):
        return [round(LON0 + p[0] / KM_LON, 6), round(LAT0 + p[1] / KM_LAT, 6)]

    def polygon(ring_):
        pts = [lonlat(p) for p in ring_]
        area = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring_, ring_[1:] + ring_[:1]))
        pts = pts if area > 0 else pts[::-1]
        return {"type": "Polygon", "coordinates": [pts + [pts[0]]]}

    features = []

    def feature(layer, name, geometry, **more):
        features.append({"type": "Feature", "properties": {"layer": layer, "name": name, **more}, "geometry": geometry})

    feature("outline", "绿枢示范区", polygon(outline))
    for name, ring_ in subdistricts:
        feature("subdistrict", name, polygon(ring_))
    for name, ring_ in parks:
        feature("park", name, polygon(ring_), kind="park")
    feature("park", "处置中心防护绿带", polygon(blob((-3.82, -1.98), 0.3, 0.26, "belt")), kind="belt")
    feature("water", "望河", polygon(band(river, lambda t: 0.036 + 0.01 * math.sin(23 * t))), kind="river",
            centre=[lonlat(p) for p in river[::3]])
    feature("water", "柳泾", polygon(band(canal, lambda t: 0.014)), kind="canal", centre=[lonlat(p) for p in canal[::3]])
    feature("water", "青蒲港", polygon(band(creek, lambda t: 0.011)), kind="canal", centre=[lonlat(p) for p in creek[::3]])
    for name, ring_ in ponds:
        feature("water", name, polygon(ring_), kind="lake")
    order = {"minor": 0, "secondary": 1, "primary": 2, "expressway": 3}
    for name, kind, line, tunnel, _ in sorted(kept, key=lambda r: order[r[1]]):
        more = {"tunnel": True} if tunnel else {}
        feature("road", name, {"type": "LineString", "coordinates": [lonlat(p) for p in line]}, kind=kind, **more)
    for name, kind, p in facilities:
        feature("facility", name, {"type": "Point", "coordinates": lonlat(p)}, kind=kind)

    folder = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(folder, "district.geojson"), "w", encoding="utf-8") as out:
        out.write('{"type":"FeatureCollection","demo":true,"note":"演示几何，非实测数据","features":[\n')
        out.write(",\n".join(json.dumps(f, ensure_ascii=False, separators=(",", ":")) for f in features))
        out.write("\n]}\n")
    counts = {}
    for r in kept:
        counts[r[1]] = counts.get(r[1], 0) + 1
    print("roads", counts, "dropped", dropped, "km", round(sum(r[4] for r in kept), 1), "facilities", len(facilities))
    if "--svg" in sys.argv:
        draw(sys.argv[sys.argv.index("--svg") + 1], features)


def draw(path, features):
    """A plain drawing for the eye: 1,600 × 1,120."""
    def xy(c):
        return f"{(c[0] - 121.338) / 0.104 * 1600:.1f},{1120 - (c[1] - 31.178) / 0.0625 * 1120:.1f}"
    fill = {"outline": "#f4f1ea", "subdistrict": "none", "park": "#cfe5c3", "water": "#a9cfe8"}
    wide = {"minor": (1.5, "#fff"), "secondary": (4, "#fff"), "primary": (6, "#fbe3a4"), "expressway": (7, "#f2b36b")}
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="1600" height="1120"><rect width="1600" height="1120" fill="#dfe3e6"/>']
    for f in features:
        g, p = f["geometry"], f["properties"]
        if g["type"] == "Polygon" and p["layer"] != "subdistrict":
            out.append(f'<polygon points="{" ".join(map(xy, g["coordinates"][0]))}" fill="{fill[p["layer"]]}"/>')
    for f in features:
        g, p = f["geometry"], f["properties"]
        if g["type"] == "LineString":
            w, c = wide[p["kind"]]
            pts = " ".join(map(xy, g["coordinates"]))
            dash = ' stroke-dasharray="6 5"' if p.get("tunnel") else ""
            out.append(f'<polyline points="{pts}" fill="none" stroke="#b9b2a4" stroke-width="{w + 1.5}"/>')
            out.append(f'<polyline points="{pts}" fill="none" stroke="{c}" stroke-width="{w}"{dash}/>')
    for f in features:
        g, p = f["geometry"], f["properties"]
        if p["layer"] in ("subdistrict", "outline"):
            out.append(f'<polygon points="{" ".join(map(xy, g["coordinates"][0]))}" fill="none" stroke="#8a5a9a" '
                       f'stroke-width="{3 if p["layer"] == "outline" else 1.5}" stroke-dasharray="9 4"/>')
        if g["type"] == "Point":
            x, y = xy(g["coordinates"]).split(",")
            out.append(f'<circle cx="{x}" cy="{y}" r="4" fill="#c0392b"/>')
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(out) + "</svg>")


if __name__ == "__main__":
    main()
