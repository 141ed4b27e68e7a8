// The contract that the mock keeps to: each answer is held to the document, each call's operation, roles and parameters come from
// it. A mock that answers what no server would, fails the journey.

import { readFileSync } from "node:fs";

const DOCUMENT = new URL("../../../api-server/openapi.json", import.meta.url).pathname;
const document = JSON.parse(readFileSync(DOCUMENT, "utf8"));
const ROOT = "/api/v1/admin";
const METHODS = ["get", "post", "patch", "put", "delete"];

const resolved = (part) =>
  part?.$ref ? resolved(part.$ref.slice(2).split("/").reduce((at, name) => at[name], document)) : part;

const operations = Object.entries(document.paths)
  .filter(([path]) => path.startsWith(`${ROOT}/`))
  .flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({
      method: method.toUpperCase(),
      // A path without parameters is meant before one with them.
      plain: !path.includes("{"),
      pattern: new RegExp(`^${path.slice(ROOT.length).replace(/\{[^}]+\}/g, "[^/]+")}$`),
      id: item[method].operationId,
      roles: item[method]["x-galaxy-roles"],
      parameters: [...(item.parameters ?? []), ...(item[method].parameters ?? [])].map(resolved),
      body: schemaOf(resolved(item[method].requestBody)),
      responses: item[method].responses,
    })),
  );

function schemaOf(part) {
  const content = part?.content;
  return content && Object.values(content)[0].schema;
}

/** The operation that a call is, or `undefined`. */
export function operationOf(method, path) {
  const found = operations.filter((operation) => operation.method === method && operation.pattern.test(path));
  return found.find(({ plain }) => plain) ?? found[0];
}

/** The ids of the operations that one of these roles may call. */
export const permissions = (roles) =>
  operations
    .filter((operation) => !operation.roles || operation.roles.some((role) => roles.includes(role)))
    .map(({ id }) => id);

/** The codes that an operation answers under a status. */
export function codesOf(operation, status) {
  const found = [];
  const walk = (schema) => {
    const at = resolved(schema);
    if (at?.properties?.code?.enum) found.push(at.properties.code.enum);
    for (const part of at?.allOf ?? []) walk(part);
  };
  walk(schemaOf(resolved(operation.responses[status])));
  return found.length === 0 ? [] : found.reduce((all, some) => all.filter((code) => some.includes(code)));
}

/** What is wrong with a call: parameters that the operation does not have, a body that does not fit. */
export function faultsOfCall(operation, query, body) {
  const known = operation.parameters.filter((parameter) => parameter.in === "query");
  const strange = [...query.keys()].filter((name) => !known.some((parameter) => parameter.name === name));
  const found = strange.map((name) => `the operation has no parameter ${name}`);
  for (const { name, schema } of known) {
    const values = resolved(schema)?.enum;
    const value = query.get(name);
    if (value !== null && values && !values.map(String).includes(value)) found.push(`${name} is never ${value}`);
  }
  if (operation.body && body !== undefined) found.push(...faults(operation.body, body, "body"));
  return found;
}

/** What is wrong with an answer. */
export function faultsOfAnswer(operation, status, body) {
  const answer = resolved(operation.responses[status]);
  if (!answer) return [`it never answers ${status}`];
  const schema = schemaOf(answer);
  if (!schema) return body === undefined ? [] : [`${status} has no body`];
  return faults(schema, body, "answer");
}

const kind = (value) => (value === null ? "null" : Array.isArray(value) ? "array" : typeof value);
const KINDS = { integer: "number" };

/** Where a value does not fit a schema of the document. */
function faults(schema, value, at) {
  const wanted = resolved(schema);
  if (!wanted || Object.keys(wanted).length === 0) return [];
  if (wanted.anyOf) {
    const tried = wanted.anyOf.map((part) => faults(part, value, at));
    return tried.some((some) => some.length === 0) ? [] : tried[0];
  }
  const found = (wanted.allOf ?? []).flatMap((part) => faults(part, value, at));
  const types = [wanted.type ?? []].flat();
  if (types.length > 0 && !types.some((type) => (KINDS[type] ?? type) === kind(value)))
    return [...found, `${at} is ${kind(value)}, not ${types.join(" or ")}`];
  if (wanted.enum && !wanted.enum.includes(value)) return [...found, `${at} is never ${JSON.stringify(value)}`];
  if (kind(value) === "array" && wanted.items)
    found.push(...value.slice(0, 50).flatMap((item, n) => faults(wanted.items, item, `${at}[${n}]`)));
  if (kind(value) === "object" && wanted.properties) {
    for (const name of wanted.required ?? []) if (value[name] === undefined) found.push(`${at}.${name} is missing`);
    for (const [name, part] of Object.entries(value)) {
      const property = wanted.properties[name];
      if (property) found.push(...faults(property, part, `${at}.${name}`));
      else if (!wanted.additionalProperties && part !== undefined && !OPEN.has(wanted))
        found.push(`${at}.${name} is not in the contract`);
    }
  }
  return found;
}

/** Schemas that are parts of an `allOf`: what they do not name, another part does. */
const OPEN = new Set();
for (const schema of everySchema(document))
  for (const part of schema.allOf ?? []) OPEN.add(resolved(part));

function* everySchema(part) {
  if (part === null || typeof part !== "object") return;
  if (Array.isArray(part.allOf)) yield part;
  for (const value of Object.values(part)) yield* everySchema(value);
}
