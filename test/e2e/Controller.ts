import { type ChildProcess, spawn } from "node:child_process"
import { createServer } from "node:net"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { until } from "./until.ts"

/** What a scenario's instances are started with. */
export interface ControllerOptions {
  readonly folder: string
  readonly nomad: string
  readonly database: string
  readonly registry: URL
  /** Image paths in the registry; the job of each has its name. */
  readonly repositories: ReadonlyArray<string>
  /** By the port; else one that watches the repositories. */
  readonly configuration?: (port: number) => string
}

/** How a command ended. */
export interface Ended {
  readonly exitCode: number | null
  readonly out: string
}

const entry = new URL("../../src/registrywatcher.mjs", import.meta.url).pathname

/** The shipped entry as a process of its own, spoken to over the classic endpoints. */
export class Controller {
  readonly url: string
  readonly #child: ChildProcess
  readonly #exit: Promise<number | null>
  #output = ""

  private constructor(url: string, child: ChildProcess) {
    this.url = url
    this.#child = child
    this.#exit = new Promise((resolve) => child.once("exit", (code) => resolve(code)))
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk: Buffer) => (this.#output += chunk.toString()))
    }
  }

  /** Started and ready; `name` keeps the files of two instances apart. */
  static async start(name: string, options: ControllerOptions): Promise<Controller> {
    const port = await freePort()
    const file = join(options.folder, `${name}.toml`)
    writeFileSync(file, options.configuration?.(port) ?? configuration(port, options))
    const child = spawn(process.execPath, [entry, "start", "--config", file], {
      env: environment(options),
      stdio: ["ignore", "pipe", "pipe"]
    })
    const controller = new Controller(`http://127.0.0.1:${port}`, child)
    await until(`${name} to be ready`, async () => {
      if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}`)
      return (await fetch(`${controller.url}/health/ready`)).ok
    }).catch((error: unknown) => {
      child.kill("SIGKILL")
      throw new Error(`${String(error)}\n${controller.output}`)
    })
    return controller
  }

  /** A command that ends by itself; what it says on stderr is ours to read where it fails. */
  static async command(args: ReadonlyArray<string>, options: Required<ControllerOptions>): Promise<Ended> {
    const file = join(options.folder, "command.toml")
    writeFileSync(file, options.configuration(await freePort()))
    const child = spawn(process.execPath, [entry, ...args, "--config", file], {
      env: environment(options),
      stdio: ["ignore", "pipe", "inherit"]
    })
    let out = ""
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()))
    return new Promise((resolve) => child.once("close", (exitCode) => resolve({ exitCode, out })))
  }

  /** Everything that it printed so far. */
  get output(): string {
    return this.#output
  }

  /** The lines of its log that have this message, as they are. */
  said(message: string): ReadonlyArray<Record<string, unknown>> {
    return this.#output.split("\n").flatMap((line) => {
      if (!line.startsWith("{")) return []
      const parsed = JSON.parse(line) as Record<string, unknown>
      return parsed["message"] === message ? [parsed] : []
    })
  }

  async get(path: string): Promise<unknown> {
    return (await fetch(this.url + path)).json()
  }

  /** Plain `curl -d`: no content type. Answers the message, throws where the status is not 200. */
  async post(path: string, body: unknown = {}): Promise<string> {
    const answer = await fetch(this.url + path, { method: "POST", body: JSON.stringify(body) })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`POST ${path}: ${answer.status} ${text}`)
    return (JSON.parse(text) as { message: string }).message
  }

  async stop(): Promise<number | null> {
    this.#child.kill("SIGTERM")
    return this.#exit
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL")
    await this.#exit
  }
}

const environment = ({ nomad, database }: ControllerOptions) => ({
  PATH: process.env["PATH"],
  NOMAD_ADDR: nomad,
  ...(process.env["NOMAD_TOKEN"] !== undefined && { NOMAD_TOKEN: process.env["NOMAD_TOKEN"] }),
  DATABASE_URL: database
})

const freePort = () =>
  new Promise<number>((resolve) => {
    const probe = createServer()
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

const configuration = (port: number, { registry, repositories }: ControllerOptions): string => `
server_listening_address = "127.0.0.1:${port}"
poll_interval = "1s"
watched_repositories = ${JSON.stringify(repositories)}
create_database_schema = true

[registry_map.local]
registry_scheme = "http"
registry_domain = "${registry.host}"
registry_prefix = "e2e"

${repositories
  .map(
    (name) => `[repo_map.${name}]
registry_name = "local"
nomad_job_name = "${name}"
nomad_task_name = "app"
`
  )
  .join("\n")}`
