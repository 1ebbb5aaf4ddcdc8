import { Effect } from "effect"
import { createServer, type Server } from "node:net"

const int = (n: number, bytes = 4): Buffer => {
  const buffer = Buffer.alloc(bytes)
  buffer.writeIntBE(n, 0, bytes)
  return buffer
}
const message = (type: string, ...body: ReadonlyArray<Buffer>): Buffer => {
  const whole = Buffer.concat(body)
  return Buffer.concat([Buffer.from(type), int(whole.length + 4), whole])
}
const column = (name: string, oid: number): Buffer =>
  Buffer.concat([Buffer.from(`${name}\0`), int(0), int(0, 2), int(oid), int(-1, 2), int(-1), int(1, 2)])
const value = (bytes: Buffer): Buffer => Buffer.concat([int(bytes.length), bytes])

const ready = message("Z", Buffer.from("I"))
/** Authenticated, and the key for cancelling. */
const greeting = Buffer.concat([message("R", int(0)), message("K", Buffer.alloc(8)), ready])

/** Says to whoever connects that it is a Postgres of this version, as far as `Database` asks; releases nobody has here. */
export const fakeServer = (version: number, name: string, standby: boolean) => {
  const row = Buffer.concat([
    message("1"),
    message("2"),
    message("T", int(3, 2), column("version", 23), column("name", 25), column("standby", 16)),
    message("D", int(3, 2), value(int(version)), value(Buffer.from(name)), value(int(standby ? 1 : 0, 1))),
    message("C", Buffer.from("SELECT 1\0")),
    ready
  ])
  return Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const server = createServer((socket) => {
        socket.on("error", () => socket.destroy())
        socket.once("data", () => {
          socket.write(greeting)
          socket.on("data", (asked) => {
            if (asked.includes("server_version_num")) socket.write(row)
          })
        })
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  )
}
