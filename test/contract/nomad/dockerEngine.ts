import { execFileSync, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { request } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { until, unmountUnder } from "./agent.ts"

export interface DockerEngine {
  readonly socket: string
  readonly stop: () => Promise<void>
}

/**
 * A dockerd of our own in a folder of its own, without bridges and firewall rules, which a container may not make; or
 * why it cannot run here. It is started as root, and no container that it runs survives it.
 */
export const startDockerEngine = async (): Promise<DockerEngine | string> => {
  const folder = mkdtempSync(join(tmpdir(), "nomad-docker-"))
  const socket = join(folder, "docker.sock")
  const flags = ["--storage-driver=vfs", "--iptables=false", "--ip6tables=false", "--bridge=none"]
  const places = [`--data-root=${folder}/data`, `--exec-root=${folder}/exec`, `--pidfile=${folder}/pid`]
  let said = ""
  const daemon = spawn("dockerd", [...flags, ...places, "-H", `unix://${socket}`], {
    stdio: ["ignore", "ignore", "pipe"]
  })
  daemon.stderr.on("data", (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-2_000)))
  const gone = new Promise<string>((resolve) => {
    daemon.once("error", (error) => resolve(String(error)))
    daemon.once("exit", () => resolve(said.trim().split("\n").at(-1) ?? ""))
  })
  const stop = async () => {
    daemon.kill("SIGTERM")
    const killer = setTimeout(() => daemon.kill("SIGKILL"), 15_000)
    await gone
    clearTimeout(killer)
    unmountUnder(folder)
    rmSync(folder, { recursive: true, force: true })
  }
  const up = until("dockerd", () => ping(socket)).then(() => "")
  const why = await Promise.race([up, gone.then((words) => `dockerd does not run here: ${words}`)])
  if (why === "") return { socket, stop }
  rmSync(folder, { recursive: true, force: true })
  return why
}

const ping = (socketPath: string): Promise<boolean> =>
  new Promise((resolve) => {
    request({ socketPath, path: "/_ping" }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
      .on("error", () => resolve(false))
      .end()
  })

/** Whether a program of that name is on PATH. */
export const isThere = (program: string): boolean => {
  try {
    execFileSync("sh", ["-c", `command -v ${program}`], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}
