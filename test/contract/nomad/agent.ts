import { execFileSync, spawn } from "node:child_process"
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { Effect } from "effect"
import { type AclTarget, caller, socketCaller, streamer, type Target } from "./Target.ts"

const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** `nomad` on PATH, if there is one. */
const binary = (process.env["PATH"] ?? "")
  .split(delimiter)
  .map((folder) => join(folder, "nomad"))
  .find(isExecutable)
const address = process.env["NOMAD_ADDR"]

/** Why there is no real agent to test; `undefined` where there is one, at `NOMAD_ADDR` or by a `nomad` on PATH. */
export const noAgent: string | undefined =
  address !== undefined || binary !== undefined ? undefined : "no nomad on PATH, and no NOMAD_ADDR"

/** Why there is no agent of our own, with what a statement needs of its configuration. */
export const noAgentOfOurs: string | undefined =
  binary === undefined ? "needs an agent of its own: no nomad on PATH" : undefined

/** The version of the agent that is tested. */
export const agentVersion = async (): Promise<string> => {
  if (address !== undefined) {
    const self = (await (await fetch(`${address}/v1/agent/self`)).json()) as {
      readonly config?: { readonly Version?: Readonly<Record<string, string>> }
    }
    const { Version = "?", VersionPrerelease = "" } = self.config?.Version ?? {}
    return VersionPrerelease === "" ? Version : `${Version}-${VersionPrerelease}`
  }
  if (binary === undefined) return "none"
  const said = execFileSync(binary, ["version"], { encoding: "utf8" })
  return /Nomad v(\S+)/.exec(said)?.[1] ?? said.trim()
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

interface AgentOptions {
  readonly acls?: boolean
  /** The socket of the docker engine whose driver the agent is to have. */
  readonly docker?: string
}

const config = (
  ports: { readonly http: number; readonly rpc: number; readonly serf: number },
  { acls = false, docker }: AgentOptions
): string => `
bind_addr = "127.0.0.1"
ports {
  http = ${ports.http}
  rpc  = ${ports.rpc}
  serf = ${ports.serf}
}
client {
  enabled = true
  options {
    "fingerprint.denylist" = "env_aws,env_gce,env_azure,env_digitalocean"
  }
}
plugin "raw_exec" {
  config { enabled = true }
}
plugin "docker" {
  config {
    endpoint = "unix://${docker ?? "/nowhere.sock"}"
  }
}
acl {
  enabled = ${acls}
}
`

/** A dev agent of our own; `folder` is its data, and everything is gone when it is stopped. */
const startAgentOfOurs = async (
  options: AgentOptions
): Promise<{ readonly url: string; readonly folder: string; readonly stop: () => Promise<void> }> => {
  if (binary === undefined) throw new Error("no nomad on PATH")
  const folder = mkdtempSync(join(tmpdir(), "nomad-contract-"))
  const ports = { http: await freePort(), rpc: await freePort(), serf: await freePort() }
  const file = join(folder, "agent.hcl")
  writeFileSync(file, config(ports, options))
  const env: NodeJS.ProcessEnv = { ...process.env }
  delete env["AWS_CA_BUNDLE"]
  const agent = spawn(binary, ["agent", "-dev", `-config=${file}`, `-data-dir=${folder}`], {
    env,
    stdio: "ignore"
  })
  const ended = new Promise<void>((resolve) => void agent.once("exit", () => resolve()))
  const url = `http://127.0.0.1:${ports.http}`
  const stop = async () => {
    agent.kill("SIGINT")
    const killer = setTimeout(() => agent.kill("SIGKILL"), 15_000)
    await ended
    clearTimeout(killer)
    unmountUnder(folder)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await Promise.race([
      until("the agent's leader", () => fetch(`${url}/v1/status/leader`).then(({ ok }) => ok)),
      ended.then(() => Promise.reject(new Error("nomad ended at once")))
    ])
  } catch (error) {
    await stop()
    throw error
  }
  return { url, folder, stop }
}

/** Secrets of tasks that were killed stay mounted. */
export const unmountUnder = (folder: string): void => {
  const mounts = readFileSync("/proc/mounts", "utf8").split("\n")
  for (const mounted of mounts.map((line) => line.split(" ")[1] ?? "").toReversed())
    if (mounted.startsWith(`${folder}/`)) execFileSync("umount", [mounted])
}

/** A real agent: the one at `NOMAD_ADDR`, or a dev agent of our own that is stopped with the tests. */
export const startAgent = async (): Promise<Target> => {
  if (address !== undefined) return target(address, "", () => Promise.resolve())
  const { url, stop } = await startAgentOfOurs({})
  await ready(url, "", "raw_exec")
  return target(url, "", stop)
}

/** A second agent of our own, with ACLs on. */
export const startAgentWithAcls = async (): Promise<AclTarget> => {
  const { url, folder, stop } = await startAgentOfOurs({ acls: true })
  const made = await fetch(`${url}/v1/acl/bootstrap`, { method: "POST" })
  const { SecretID } = (await made.json()) as { readonly SecretID: string }
  await ready(url, SecretID, "raw_exec")
  return {
    ...target(url, SecretID, stop),
    as: (token) => ({ call: caller(url, token), stream: streamer(url, token) }),
    inTask: (allocation, task) =>
      Effect.promise(async () => {
        const secrets = join(folder, "alloc", allocation, task, "secrets")
        const token = join(secrets, "nomad_token")
        await until("the token of the task", () => Promise.resolve(existsSync(token)))
        return {
          token: readFileSync(token, "utf8").trim(),
          api: (other) => socketCaller(join(secrets, "api.sock"), other)
        }
      })
  }
}

/** A third one, whose docker driver has that engine. */
export const startAgentWithEngine = async (socket: string): Promise<Target> => {
  const { url, stop } = await startAgentOfOurs({ docker: socket })
  await ready(url, "", "docker")
  return target(url, "", stop)
}

interface NodeBody {
  readonly Status: string
  readonly Drivers: Readonly<Record<string, { readonly Healthy: boolean }>> | null
}
const ready = (url: string, token: string, driver: string): Promise<void> =>
  until(`the node with its driver ${driver}`, async () => {
    const headers = token === "" ? {} : { "X-Nomad-Token": token }
    const nodes = (await (await fetch(`${url}/v1/nodes`, { headers })).json()) as ReadonlyArray<NodeBody>
    return nodes.some((node) => node.Status === "ready" && node.Drivers?.[driver]?.Healthy === true)
  })

/** Asks until it is so, for 90 seconds at most; what fails is not so yet. */
export const until = async (what: string, isSo: () => Promise<boolean>): Promise<void> => {
  const deadline = Date.now() + 90_000
  while (Date.now() < deadline) {
    if (await isSo().catch(() => false)) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  throw new Error(`${what} was not there within 90 seconds`)
}

const target = (url: string, token: string, stop: () => Promise<void>): Target => {
  const used = new Set<string>()
  const call = caller(url, token)
  return {
    url,
    call: <A>(method: string, path: string, body?: unknown) => {
      const id = (body as { readonly Job?: { readonly ID?: unknown } } | undefined)?.Job?.ID
      if (typeof id === "string") used.add(id)
      return call<A>(method, path, body)
    },
    stream: streamer(url, token),
    pass: (milliseconds) => Effect.sleep(milliseconds),
    now: Effect.sync(() => Date.now()),
    // An agent does not tell what it holds; half a second is ample on loopback.
    holds: () => Effect.sleep("500 millis"),
    says: () => Effect.void,
    stop: async () => {
      // The tasks of a dev agent that is killed would run on.
      for (const id of used) {
        for (const namespace of ["default", "b"]) {
          await Effect.runPromise(
            call("DELETE", `/v1/job/${encodeURIComponent(id)}?purge=true&namespace=${namespace}`)
          )
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 2000))
      await stop()
    }
  }
}
