import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http"

/** One register that reached the proxy, in the order in which they came. */
export interface SeenRegister {
  readonly job: string
  /** The images of all tasks, as sent. */
  readonly images: ReadonlyArray<string>
  /** Nomad's status; null where the register was not forwarded, or its answer never came. */
  status: number | null
  forwarded: boolean
}

/** What becomes of the next register of a job: nothing else of the traffic is touched. */
export type Ambush =
  /** Forwarded; the answer is dropped with the connection. */
  | { readonly kind: "lose-answer" }
  /** Held before Nomad sees it, until `strike` is done; then the connection is dropped. */
  | { readonly kind: "before"; readonly strike: () => Promise<void> }
  /** Forwarded; once Nomad answered, `strike` is done; then the connection is dropped. */
  | { readonly kind: "after"; readonly strike: () => Promise<void> }
  /** Answered as Nomad does; from then on nothing passes, in either direction, until `strike` is done. */
  | { readonly kind: "answered"; readonly strike: () => Promise<void> }
  /** Held until `strike` is done; then it goes its way. */
  | { readonly kind: "through"; readonly strike: () => Promise<void> }

/** Counts registers between the controller and Nomad, and interferes with one where a scenario says so. */
export class NomadProxy {
  readonly registers: Array<SeenRegister> = []
  readonly #ambushes = new Map<string, Ambush>()
  #held: Promise<void> = Promise.resolve()
  #address = { port: 0 }
  readonly #target: URL
  readonly #server = createServer((incoming, outgoing) => void this.#serve(incoming, outgoing))

  constructor(target: URL) {
    this.#target = target
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(this.#address.port, "127.0.0.1", resolve))
    const address = this.#server.address()
    if (address === null || typeof address === "string") throw new Error("no port")
    this.#address = address
    return `http://127.0.0.1:${address.port}`
  }

  /** Cuts every connection and refuses new ones, until it listens again at the same address. */
  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  /** The registers of one job. */
  of(job: string): ReadonlyArray<SeenRegister> {
    return this.registers.filter((register) => register.job === job)
  }

  ambush(job: string, ambush: Ambush): void {
    this.#ambushes.set(job, ambush)
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = Buffer.concat(await incoming.toArray())
    await this.#held
    const seen = readRegister(incoming, body)
    if (seen === null) return this.#forward(incoming, body, (answer) => relay(answer, outgoing), outgoing)
    this.registers.push(seen)
    const ambush = this.#ambushes.get(seen.job)
    this.#ambushes.delete(seen.job)
    if (ambush?.kind === "before") {
      await ambush.strike()
      outgoing.destroy()
      return
    }
    if (ambush?.kind === "through") await ambush.strike()
    seen.forwarded = true
    this.#forward(
      incoming,
      body,
      async (answer) => {
        seen.status = answer.statusCode ?? null
        if (ambush?.kind === "answered") this.#held = ambush.strike()
        if (ambush === undefined || ambush.kind === "answered" || ambush.kind === "through")
          return relay(answer, outgoing)
        answer.resume()
        if (ambush.kind === "after") await ambush.strike()
        outgoing.destroy()
      },
      outgoing
    )
  }

  #forward(
    { method, url, headers }: IncomingMessage,
    body: Buffer,
    answered: (answer: IncomingMessage) => void | Promise<void>,
    outgoing: ServerResponse
  ): void {
    const forward = request(
      new URL(url ?? "/", this.#target),
      { method, headers: { ...headers, host: this.#target.host } },
      (answer) => void answered(answer)
    )
    forward.once("error", () => outgoing.destroy())
    outgoing.once("close", () => forward.destroy())
    forward.end(body)
  }
}

const relay = (answer: IncomingMessage, outgoing: ServerResponse): void => {
  outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
  answer.pipe(outgoing)
}

interface Body {
  readonly Job?: {
    readonly ID: string
    readonly TaskGroups: ReadonlyArray<{
      readonly Tasks: ReadonlyArray<{ readonly Config: { readonly image: string } }>
    }>
  }
}

const readRegister = ({ method, url }: IncomingMessage, body: Buffer): SeenRegister | null => {
  const path = (url ?? "").split("?")[0] ?? ""
  if ((method !== "POST" && method !== "PUT") || !/^\/v1\/(?:jobs|job\/[^/]+)$/.test(path)) return null
  const { Job } = JSON.parse(body.toString()) as Body
  if (Job === undefined) return null
  return {
    job: Job.ID,
    images: Job.TaskGroups.flatMap(({ Tasks }) => Tasks.map(({ Config }) => Config.image)),
    status: null,
    forwarded: false
  }
}
