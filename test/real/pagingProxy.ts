import { Effect, type Scope } from "effect"
import { createServer } from "node:http"
import { listening } from "./tokenServer.ts"

/** Pages the listings of a registry that does not page (2.8.2), as distribution 3 does. `asked` are its paths. */
export const pagingProxy = (
  upstream: URL,
  pageSize: number
): Effect.Effect<{ readonly origin: URL; readonly asked: Array<string> }, never, Scope.Scope> =>
  Effect.gen(function* () {
    const asked: Array<string> = []
    const server = createServer((request, response) => {
      const url = new URL(request.url ?? "/", upstream)
      asked.push(url.pathname + url.search)
      const page = async () => {
        const answer = await fetch(new URL(url.pathname, upstream))
        if (answer.status !== 200) return response.writeHead(answer.status).end(await answer.text())
        const { name, tags } = (await answer.json()) as { name: string; tags: ReadonlyArray<string> }
        const sorted = tags.toSorted()
        const start = sorted.indexOf(url.searchParams.get("last") ?? "") + 1
        const here = sorted.slice(start, start + pageSize)
        const more = start + pageSize < sorted.length
        const next = `<${url.pathname}?n=${pageSize}&last=${here.at(-1)}>; rel="next"`
        return response.writeHead(200, more ? { link: next } : {}).end(JSON.stringify({ name, tags: here }))
      }
      page().catch(() => response.destroy())
    })
    const port = yield* listening(server)
    return { origin: new URL(`http://127.0.0.1:${port}`), asked }
  })
