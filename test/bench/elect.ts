// `node test/bench/elect.ts`: electing among 100,000 tags beside a bare `semver.parse` loop over them, in one run.
import semver from "semver"
import { Ballot } from "../../src/decide/Ballot.ts"
import { parseVersion } from "../../src/decide/version.ts"
import { tag } from "../decide/situations.ts"

const tags = Array.from({ length: 100_000 }, (_, n) => tag(`v${n % 40}.${(n * 7) % 50}.${n}`))
const shape = parseVersion(tag("v1.0.0"))?.shape ?? null
const none = new Set<never>()

/** Median milliseconds of 15 runs, after three that warm up. */
const median = (run: () => unknown): number => {
  const times: Array<number> = []
  for (let n = 0; n < 18; n++) {
    const began = performance.now()
    run()
    if (n >= 3) times.push(performance.now() - began)
  }
  return times.toSorted((a, b) => a - b)[7] ?? Number.NaN
}

const bare = median(() => {
  for (const text of tags) semver.parse(text)
})
const elected = median(() => new Ballot(tags).highest(shape, none))
const ballot = new Ballot(tags)
let pushed = 0
const oneMore = median(() => {
  ballot.add(tag(`v41.0.${pushed++}`))
  return ballot.highest(shape, none)
})

const rows = [
  { what: "bare semver.parse loop", milliseconds: bare, ratio: 1 },
  { what: "ballot of all, elected", milliseconds: elected, ratio: elected / bare },
  { what: "one new tag, elected", milliseconds: oneMore, ratio: oneMore / bare }
]
process.stdout.write(
  `${rows.map((row) => `${row.what.padEnd(24)}${row.milliseconds.toFixed(3).padStart(10)} ms${row.ratio.toFixed(3).padStart(9)}`).join("\n")}\n${JSON.stringify(rows)}\n`
)
