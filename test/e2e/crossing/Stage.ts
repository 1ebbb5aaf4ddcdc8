import { setTimeout as pause } from "node:timers/promises"
import type { Controller } from "../Controller.ts"
import { until } from "../until.ts"
import { type Parts, World } from "../World.ts"
import { type EndState, endState, told } from "./EndState.ts"
import { Sql } from "./Sql.ts"

/** A watched repository of a story: of its own image, or of another one with a task of its own in the same job. */
export interface Repository {
  readonly name: string
  readonly task: string
}

export interface StageOptions {
  /** Lines of each `[repo_map.…]`. */
  readonly keys: string
  /** Beside the story's own. */
  readonly worker: boolean
  /** False where the 45 s of a lost register are to be the real ones. */
  readonly isQuick: boolean
}

const quickSettling = new URL("quickSettling.ts", import.meta.url).href
// To see it fail: `REGISTRYWATCHER_MUTANT=8 npm run crossing` plants that one in every instance.
const mutant = new URL("../../mutants/register.ts", import.meta.url).href

/** One run of a story: its world, its instances, and a session with its database. */
export class Stage {
  readonly world: World
  readonly #instances: Array<Controller> = []
  #sql: Sql | undefined

  constructor(name: string, parts: Parts, options: StageOptions) {
    const repositories = [
      { name, task: "app" },
      ...(options.worker ? [{ name: `${name}-w`, task: "worker" }] : [])
    ]
    this.world = new World(name, parts, {
      imports: options.isQuick ? [mutant, quickSettling] : [mutant],
      configuration: (port) => configuration(port, name, parts.registry.host, repositories, options.keys)
    })
  }

  /** Reconnects where the server was gone. */
  get sql(): Sql {
    if (this.#sql?.isOpen !== true) this.#sql = new Sql(this.world.database)
    return this.#sql
  }

  async start(name: string): Promise<Controller> {
    const instance = await this.launch(name)
    await instance.ready()
    return instance
  }

  async launch(name: string): Promise<Controller> {
    const instance = await this.world.launch(name)
    this.#instances.push(instance)
    return instance
  }

  /** Led last, as its log says. */
  get leader(): Controller {
    const [first, ...rest] = this.#instances.filter(({ isAlive }) => isAlive)
    if (first === undefined) throw new Error("no instance is alive")
    return rest.reduce((a, b) => (epochOf(b) > epochOf(a) ? b : a), first)
  }

  async leads(instance: Controller): Promise<void> {
    await until(`${instance.name} to lead`, () => instance.said("leading").length > 0, 60)
  }

  /** One that is alive and does not lead. */
  get standby(): Controller {
    const { leader } = this
    const standby = this.#instances.find((instance) => instance.isAlive && instance !== leader)
    if (standby === undefined) throw new Error("there is no standby")
    return standby
  }

  /** Nothing is under way, this is decided, and the job's tasks run these tags. */
  async rests(decision: string, ...tags: ReadonlyArray<string>): Promise<void> {
    await until(
      `${tags.join(", ")}, ${decision}`,
      async () => {
        const state = await this.state()
        const isThere = tags.every((tag, at) => state.images[at]?.split("@")[0]?.endsWith(`:${tag}`))
        return state.rows.open === 0 && told(state) === decision && isThere
      },
      60
    )
  }

  /** What settling found, by whichever instance, in the words of the log. */
  get settled(): ReadonlyArray<string> {
    return this.#instances.flatMap((instance) =>
      instance.said("settled attempt").map(({ found }) => String(found))
    )
  }

  /** Those that the proxy let through. */
  get registers(): number {
    return this.world.proxy.of(this.world.name).filter(({ forwarded }) => forwarded).length
  }

  state(): Promise<EndState> {
    return endState(this.world, this.sql)
  }

  /** The state once it has stayed the same for more than an interval of one second. */
  async restingState(): Promise<EndState> {
    await pause(1_500)
    return this.state()
  }

  async end(): Promise<string> {
    this.#sql?.end()
    return this.world.end()
  }
}

const epochOf = (instance: Controller) => Number(instance.said("leading").at(-1)?.["epoch"] ?? -1)

const configuration = (
  port: number,
  job: string,
  registry: string,
  repositories: ReadonlyArray<Repository>,
  keys: string
): string => `
server_listening_address = "127.0.0.1:${port}"
poll_interval = "1s"
watched_repositories = ${JSON.stringify(repositories.map(({ name }) => name))}
create_database_schema = true

[registry_map.local]
registry_scheme = "http"
registry_domain = "${registry}"
registry_prefix = "e2e"
${repositories
  .map(
    ({ name, task }) => `
[repo_map.${name}]
registry_name = "local"
nomad_job_name = "${job}"
nomad_task_name = "${task}"
${keys}`
  )
  .join("\n")}
`
