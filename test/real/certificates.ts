import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { temporaryFolder } from "./dockerRegistry.ts"

export interface Pair {
  readonly certFile: string
  readonly keyFile: string
  readonly cert: string
  readonly key: string
}

/** An authority of our own with a server's certificate for 127.0.0.1 and a client's, each as PEM. */
export const certificates = Effect.gen(function* () {
  const folder = yield* temporaryFolder
  const openssl = (...args: ReadonlyArray<string>) =>
    execFileSync("openssl", args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] })
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
  const pair = (name: string): Pair => {
    const [certFile, keyFile] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)]
    return { certFile, keyFile, cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8") }
  }
  openssl(
    "req",
    "-x509",
    ...curve,
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
    "-days",
    "2",
    "-subj",
    "/CN=test authority"
  )
  const issue = (name: string, extensions: string): Pair => {
    openssl("req", ...curve, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`)
    writeFileSync(join(folder, `${name}.ext`), extensions)
    const [request, cert, extension] = [`${name}.csr`, `${name}.pem`, `${name}.ext`]
    const authority = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"]
    openssl("x509", "-req", ...authority, "-in", request, "-out", cert, "-extfile", extension)
    return pair(name)
  }
  return {
    authority: pair("ca"),
    server: issue("server", "subjectAltName=IP:127.0.0.1"),
    client: issue("client", "extendedKeyUsage=clientAuth")
  }
})
