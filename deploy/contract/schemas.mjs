// Every schema of the documents is one that Ajv takes without a doubt, and every example fits its schema.
//
// Strict mode refuses words and formats that it does not know. The formats that are our own stand in the table from which
// the document has them; those of integers are OpenAPI's.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path) => JSON.parse(readFileSync(root + path, "utf8"));
const OWN = Object.values(read("api-server/src/http/document/examples.json").formats);
const INTEGERS = ["int16", "uint16", "uint32", "uint64"];

let schemas = 0;
let examples = 0;
const faults = [];

for (const path of ["api-server/openapi.json", "deploy/engine/openapi.json"]) {
  const document = read(path);
  const ajv = new Ajv.default({ strict: true, allErrors: true });
  addFormats.default(ajv);
  for (const format of [...OWN, ...INTEGERS]) ajv.addFormat(format, true);
  // References name `#/components/…`: the document's components stand beside each schema.
  ajv.addVocabulary(["components"]);
  const components = { schemas: document.components.schemas };
  const follow = (value) =>
    value.$ref ? value.$ref.slice(2).split("/").reduce((at, name) => at[name], document) : value;

  const judge = (at, schema, values) => {
    schemas += 1;
    try {
      const fits = ajv.compile({ allOf: [schema], components });
      for (const value of values) {
        examples += 1;
        if (!fits(value)) faults.push(`${at}: ${JSON.stringify(value)} does not fit: ${ajv.errorsText(fits.errors)}`);
      }
    } catch (error) {
      faults.push(`${at}: ${error.message}`);
    }
  };

  const walk = (value, at) => {
    if (Array.isArray(value)) return value.forEach((item, index) => walk(item, `${at}/${index}`));
    if (typeof value !== "object" || value === null) return;
    if (value.schema) {
      const shown = Object.values(value.examples ?? {}).map((example) => follow(example).value);
      judge(at, value.schema, [...shown, ...("example" in value ? [value.example] : []), ...(value.schema.examples ?? [])]);
    }
    for (const [name, member] of Object.entries(value)) {
      if (!["schema", "schemas", "examples", "example"].includes(name)) walk(member, `${at}/${name}`);
    }
  };

  for (const [name, schema] of Object.entries(components.schemas)) {
    judge(`${path}: ${name}`, schema, schema.examples ?? []);
    for (const [field, property] of Object.entries(schema.properties ?? {})) {
      judge(`${path}: ${name}.${field}`, property, property.examples ?? []);
    }
  }
  walk({ paths: document.paths, components: document.components }, `${path}: `);
}

for (const fault of faults) console.error(fault);
console.log(`${schemas} schemas, ${examples} examples, ${faults.length} faults`);
process.exitCode = faults.length === 0 && schemas > 0 && examples > 0 ? 0 : 1;
