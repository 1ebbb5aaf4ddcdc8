// `npm run bench -- elect`: electing among 100,000 tags beside a bare `semver.parse` loop over them, in one run.
import semver from "semver"
import { Ballot } from "../../src/decide/Ballot.ts"
import { parseVersion } from "../../src/decide/version.ts"
import { tag } from "../decide/situations.ts"
import { quick } from "./quick.ts"
import { percentiles, report } from "./report.ts"

const length = quick ? 100 : 100_000
const tags = Array.from({ length }, (_, n) => tag(`v${n % 40}.${(n * 7) % 50}.${n}`))
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
  return percentiles(times).p50
}

const ceiling = median(() => {
  for (const text of tags) semver.parse(text)
})
const elected = median(() => new Ballot(tags).highest(shape, none))
const ballot = new Ballot(tags)
let pushed = 0
const oneMore = median(() => {
  ballot.add(tag(`v41.0.${pushed++}`))
  return ballot.highest(shape, none)
})

const of = `of ${length.toLocaleString("en")} tags`
report("elect", [
  { what: `the highest ${of}`, value: elected, unit: "ms", ceiling },
  { what: `one new tag on top ${of}`, value: oneMore, unit: "ms", ceiling }
])
