import { spawn } from "node:child_process"
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { Effect } from "effect"
import { caller, streamer, type Target } from "./Target.ts"

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

/** Whether there is a real agent to test: one at `NOMAD_ADDR`, or a `nomad` to start. */
export const hasAgent: boolean = address !== undefined || binary !== undefined

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

const config = (ports: { readonly http: number; readonly rpc: number; readonly serf: number }): string => `
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
`

/** A real agent: the one at `NOMAD_ADDR`, or a dev agent of our own that is stopped with the tests. */
export const startAgent = async (): Promise<Target> => {
  if (address !== undefined) return target(address, () => Promise.resolve())
  if (binary === undefined) throw new Error("no nomad on PATH")
  const folder = mkdtempSync(join(tmpdir(), "nomad-contract-"))
  const ports = { http: await freePort(), rpc: await freePort(), serf: await freePort() }
  const file = join(folder, "agent.hcl")
  writeFileSync(file, config(ports))
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
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await Promise.race([ready(url), ended.then(() => Promise.reject(new Error("nomad ended at once")))])
  } catch (error) {
    await stop()
    throw error
  }
  return target(url, stop)
}

interface NodeBody {
  readonly Status: string
  readonly Drivers: Readonly<Record<string, { readonly Healthy: boolean }>> | null
}
const isReady = (node: NodeBody): boolean =>
  node.Status === "ready" && node.Drivers?.["raw_exec"]?.Healthy === true

const ready = async (url: string): Promise<void> => {
  const deadline = Date.now() + 90_000
  while (Date.now() < deadline) {
    const nodes = await fetch(`${url}/v1/nodes`)
      .then((response) => response.json() as Promise<ReadonlyArray<NodeBody>>)
      .catch(() => [])
    if (Array.isArray(nodes) && nodes.some(isReady)) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  throw new Error("the agent's node did not become ready within 90 seconds")
}

const target = (url: string, stop: () => Promise<void>): Target => {
  const used = new Set<string>()
  const call = caller(url)
  return {
    call: <A>(method: string, path: string, body?: unknown) => {
      const id = (body as { readonly Job?: { readonly ID?: unknown } } | undefined)?.Job?.ID
      if (typeof id === "string") used.add(id)
      return call<A>(method, path, body)
    },
    stream: streamer(url),
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
