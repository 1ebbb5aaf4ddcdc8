import { afterAll, beforeAll, beforeEach, describe, vi } from "@effect/vitest"
import { acls } from "./acls.ts"
import { noAgent, noAgentOfOurs, startAgent, startAgentWithAcls } from "./agent.ts"
import { startAgentWithDocker } from "./agentWithDocker.ts"
import { canaries } from "./canaries.ts"
import { deployments } from "./deployments.ts"
import { docker } from "./docker.ts"
import { events } from "./events.ts"
import { eventTypes } from "./eventTypes.ts"
import { failing } from "./failing.ts"
import { filters } from "./filters.ts"
import { headers } from "./headers.ts"
import { jobTypes } from "./jobTypes.ts"
import { logs } from "./logs.ts"
import { reads } from "./reads.ts"
import { registers } from "./registers.ts"
import { rollbacks } from "./rollbacks.ts"
import { startSimulator, startSimulatorWithAcls, startSimulatorWithDocker } from "./simulator.ts"
import type { AclTarget, DockerTarget, Target } from "./Target.ts"
import { systemJobs } from "./systemJobs.ts"
import { versions } from "./versions.ts"

// A real client may tell of a failure as late as the progress deadline, 10 seconds after the job was stable.
vi.setConfig({ testTimeout: 60_000 })

// The statements are those of the recorded facts of Nomad's HTTP API; each must hold of both.
if (noAgent !== undefined) process.stdout.write(`real nomad agent: not run (${noAgent})\n`)

/** Starts a target with its tests and stops it with them. Of one that is not there its tests say why. */
const suite = <A extends Target>(
  name: string,
  start: () => Promise<A | string>,
  tests: (target: () => A) => void
): void => {
  describe(name, () => {
    let started: A | string | undefined
    const target = (): A => {
      if (started === undefined) throw new Error(`${name} was not started`)
      return started as A
    }
    beforeAll(async () => {
      started = await start()
    }, 120_000)
    beforeEach((context) => {
      if (typeof started === "string") context.skip(started)
    })
    afterAll(() => (typeof started === "object" ? started.stop() : undefined), 60_000)
    tests(target)
  })
}

const plain = (target: () => Target): void => {
  reads(target)
  headers(target)
  filters(target)
  registers(target)
  versions(target)
  jobTypes(target)
  systemJobs(target)
  deployments(target)
  rollbacks(target)
  canaries(target)
  failing(target)
  logs(target)
  events(target)
  eventTypes(target)
}

const orWhy =
  <A>(why: string | undefined, start: () => Promise<A>): (() => Promise<A | string>) =>
  () =>
    why === undefined ? start() : Promise.resolve(why)

describe("nomad contract: simulator", () => {
  suite<Target>("as it is", startSimulator, plain)
  suite<AclTarget>("with ACLs", startSimulatorWithAcls, acls)
  suite<DockerTarget>("with docker", startSimulatorWithDocker, docker)
})

describe("nomad contract: agent", () => {
  suite<Target>("as it is", orWhy(noAgent, startAgent), plain)
  suite<AclTarget>("with ACLs", orWhy(noAgentOfOurs, startAgentWithAcls), acls)
  suite<DockerTarget>("with docker", startAgentWithDocker, docker)
})
