import { Effect, Exit, Scope } from "effect"
import { dockerRegistry } from "../../real/dockerRegistry.ts"
import { sleepingImage } from "../../real/sleepingImage.ts"
import { push } from "../../real/wire.ts"
import { noAgentOfOurs, startAgentWithEngine } from "./agent.ts"
import { isThere, startDockerEngine } from "./dockerEngine.ts"
import type { DockerTarget } from "./Target.ts"

/** Why the statements about docker cannot run on a real agent here, as far as that can be seen beforehand. */
const lacking = (): string | undefined => {
  if (noAgentOfOurs !== undefined) return noAgentOfOurs
  if (process.arch !== "x64") return `the images of the tests are for x64, and this is ${process.arch}`
  if (process.getuid?.() !== 0) return "dockerd needs root"
  const missing = ["dockerd", "docker-registry"].filter((program) => !isThere(program))
  return missing.length === 0 ? undefined : `${missing.join(" and ")}: not on PATH`
}

/** An agent of our own with a docker engine and a registry of our own; or why there is none. */
export const startAgentWithDocker = async (): Promise<DockerTarget | string> => {
  const why = lacking()
  if (why !== undefined) return why
  const engine = await startDockerEngine()
  if (typeof engine === "string") return engine
  const scope = Effect.runSync(Scope.make())
  const stop = async () => {
    await engine.stop()
    await Effect.runPromise(Scope.close(scope, Exit.void))
  }
  try {
    const { origin } = await Effect.runPromise(Scope.provide(dockerRegistry(), scope))
    const target = await startAgentWithEngine(engine.socket)
    return {
      ...target,
      registry: origin.host,
      push: (repository, tag, line) => push({ origin }, repository, tag, sleepingImage(`${line}\n`)),
      stop: () => target.stop().finally(stop)
    }
  } catch (error) {
    await stop()
    throw error
  }
}
