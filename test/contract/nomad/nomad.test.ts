import { afterAll, beforeAll, describe } from "@effect/vitest"
import { hasAgent, startAgent } from "./agent.ts"
import { canaries } from "./canaries.ts"
import { deployments } from "./deployments.ts"
import { events } from "./events.ts"
import { failing } from "./failing.ts"
import { jobTypes } from "./jobTypes.ts"
import { logs } from "./logs.ts"
import { reads } from "./reads.ts"
import { registers } from "./registers.ts"
import { rollbacks } from "./rollbacks.ts"
import { startSimulator, type Target } from "./Target.ts"
import { versions } from "./versions.ts"

// The statements are those of the recorded facts of Nomad's HTTP API; each must hold of both.
const targets: ReadonlyArray<readonly [name: string, start: () => Promise<Target>]> = [
  ["simulator", startSimulator],
  ...(hasAgent ? ([["real nomad agent", startAgent]] as const) : [])
]
if (!hasAgent) process.stdout.write("real nomad agent: not run (not on PATH)\n")

describe.each(targets)("nomad contract: %s", (name, start) => {
  let started: Target | undefined
  const target = (): Target => {
    if (started === undefined) throw new Error(`${name} was not started`)
    return started
  }
  beforeAll(async () => {
    started = await start()
  }, 120_000)
  afterAll(() => started?.stop(), 60_000)

  reads(target)
  registers(target)
  versions(target)
  jobTypes(target)
  deployments(target)
  rollbacks(target)
  canaries(target)
  failing(target)
  logs(target)
  events(target)
})
