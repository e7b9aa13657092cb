import createClient, { type Client } from "openapi-fetch";

import type { components, paths } from "./schema.js";

export type { operations, paths } from "./schema.js";
/** The bodies of requests and answers by name: `Schemas["EnqueueMessage"]`. */
export type Schemas = components["schemas"];

/** Calls to the OKMQ server at `url`, such as `http://127.0.0.1:8080`, with an API key. */
export function okmq(url: string, key: string): Client<paths> {
  return createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${key}` } });
}
