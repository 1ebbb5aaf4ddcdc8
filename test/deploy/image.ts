import { execFileSync, spawn } from "node:child_process"
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { dirname, join } from "node:path"
import { until } from "../e2e/until.ts"
import { postgresFolder, startPostgres } from "../real/postgresServer.ts"

/*
 * Builds the image and runs it as docker-compose.yml does, on a dockerd of its own and a real Postgres, until
 * /health/ready answers. What cannot run here is said, loudly, and is no failure: CI machines differ.
 *
 *   node test/deploy/image.ts
 */

const root = new URL("../..", import.meta.url).pathname
/** Debian's client is of the same release as its dockerd; another one on PATH may lack BuildKit. */
const docker = existsSync("/usr/bin/docker") ? "/usr/bin/docker" : "docker"
const folder = mkdtempSync("/tmp/rw-image-")
const socket = `unix://${folder}/docker.sock`
const env = {
  ...process.env,
  DOCKER_HOST: socket,
  DOCKER_BUILDKIT: "1",
  // Its client keeps a directory of its own at home otherwise.
  DOCKER_CONFIG: `${folder}/client`
}
const run = (...args: ReadonlyArray<string>): string =>
  execFileSync(docker, args, { cwd: root, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim()

/** dockerd leaves the mount of the host's network namespace. */
const remove = () => {
  const mounts = readFileSync("/proc/mounts", "utf8").split("\n")
  for (const mounted of mounts.map((line) => line.split(" ")[1] ?? "").toReversed())
    if (mounted.startsWith(`${folder}/`)) execFileSync("umount", [mounted])
  rmSync(folder, { recursive: true, force: true })
}

const ends: Array<() => unknown> = [remove]
const end = async () => {
  for (const each of ends.toReversed()) await each()
}

/** Without bridges and firewall rules, which a container may not make; containers then have the host's network. */
const startDaemon = async (): Promise<string | undefined> => {
  let said = ""
  const flags = ["--storage-driver=vfs", "--iptables=false", "--ip6tables=false", "--bridge=none"]
  const places = [`--data-root=${folder}/data`, `--exec-root=${folder}/exec`, `--pidfile=${folder}/pid`]
  const daemon = spawn("dockerd", [...flags, ...places, "-H", socket], { stdio: ["ignore", "pipe", "pipe"] })
  const gone = new Promise<void>((resolve) => {
    daemon.once("error", (error) => ((said += String(error)), resolve()))
    daemon.once("exit", () => resolve())
  })
  for (const stream of [daemon.stdout, daemon.stderr])
    stream.on("data", (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-2_000)))
  ends.push(() => (daemon.kill("SIGTERM"), gone))
  const answers = until("dockerd", () => run("version", "--format", "{{.Server.Version}}") !== "", 30)
  const up = await Promise.race([
    answers.then(
      () => true,
      () => false
    ),
    gone.then(() => false)
  ])
  return up ? undefined : (said.trim().split("\n").at(-1) ?? "it says nothing")
}

/** The base image of the Dockerfile, else one made of this Node and the libraries that it needs. */
const baseImage = (): { readonly name: string; readonly isReal: boolean } => {
  const [, pinned = ""] =
    /^ARG NODE_IMAGE=(\S+)$/m.exec(readFileSync(join(root, "deploy/Dockerfile"), "utf8")) ?? []
  try {
    execFileSync(docker, ["pull", "-q", pinned], { env, stdio: "ignore", timeout: 60_000 })
    return { name: pinned, isReal: true }
  } catch {
    console.log(
      `NOT RUN: the image on its own base: ${pinned} can not be pulled here; on a stand-in with this Node`
    )
  }
  const base = join(folder, "base")
  const put = (from: string, to: string) => {
    mkdirSync(dirname(join(base, to)), { recursive: true })
    copyFileSync(from, join(base, to))
  }
  put(process.execPath, "usr/local/bin/node")
  const libraries = execFileSync("ldd", [process.execPath], { encoding: "utf8" }).matchAll(/(\/\S+) \(/g)
  for (const [, library = ""] of libraries) put(library, library)
  const archive = join(folder, "base.tar")
  execFileSync("tar", ["-C", base, "-cf", archive, "."])
  run("import", archive, "registrywatcher-base:stand-in")
  return { name: "registrywatcher-base:stand-in", isReal: false }
}

/** What went wrong, in its last line; undefined: nothing. */
const attempt = (what: () => unknown): string | undefined => {
  try {
    what()
    return undefined
  } catch (error) {
    return String(error).trim().split("\n").at(-1)
  }
}

const exercise = async (): Promise<void> => {
  const base = baseImage()
  const probe = attempt(() => run("run", "--rm", "--network=host", base.name, "node", "--version"))
  if (probe !== undefined) return console.log(`NOT RUN: the image: no container can run here: ${probe}`)
  const bundled = base.isReal ? "build" : "prebuilt"
  if (!base.isReal) execFileSync(process.execPath, ["deploy/bundle.mjs"], { cwd: root, stdio: "inherit" })
  const args = ["--build-arg", `NODE_IMAGE=${base.name}`, "--build-arg", `BUNDLE=${bundled}`]
  run("build", "--network=host", "-q", "-f", "deploy/Dockerfile", ...args, "-t", "registrywatcher:local", ".")
  const version = run("run", "--rm", "--network=host", "--read-only", "registrywatcher:local", "--version")
  console.log(`image: ${version}, on ${base.name}`)

  const postgres = await startPostgres(postgresFolder())
  if (postgres === undefined) return console.log("NOT RUN: the image: it was built, and there is no Postgres")
  ends.push(postgres.stop)
  // The controller of docker-compose.yml: its configuration, its options, another port and database.
  const port = 20_000 + (process.pid % 10_000)
  const toml = readFileSync(join(root, "deploy/compose/registrywatcher.toml"), "utf8")
  const config = join(folder, "registrywatcher.toml")
  writeFileSync(config, toml.replace("127.0.0.1:8080", `127.0.0.1:${port}`))
  const at = `http://127.0.0.1:${port}`
  const mounted = `${config}:/etc/registrywatcher/registrywatcher.toml:ro`
  const named = [`DATABASE_URL=${postgres.url}/postgres`, `HEALTH_URL=${at}/health/live`]
  const variables = named.flatMap((variable) => ["-e", variable])
  const options = ["-d", "--network=host", "--read-only", "-v", mounted, ...variables]
  const container = run("run", ...options, "registrywatcher:local")
  ends.push(() => run("rm", "-f", container))
  const ready = async () => (await fetch(`${at}/health/ready`)).status === 200
  await until("/health/ready of the container", ready, 60).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${run("logs", container)}`)
  })
  console.log("image: /health/ready answers 200, on a read-only root")
  const health = () => run("inspect", "-f", "{{.State.Health.Status}}", container)
  await until("the image's own health check", () => health() === "healthy", 60)
  console.log(
    `image: healthy by its own check, as user ${run("inspect", "-f", "{{.Config.User}}", container)}`
  )
  run("stop", "-t", "10", container)
  const code = run("inspect", "-f", "{{.State.ExitCode}}", container)
  if (code !== "130") throw new Error(`SIGTERM ended it with ${code}, and 130 was expected`)
  console.log("image: SIGTERM ends it with 130")
}

const failure = await startDaemon()
if (failure !== undefined) console.log(`NOT RUN: the image: dockerd does not start: ${failure}`)
try {
  if (failure === undefined) await exercise()
} finally {
  await end()
}
