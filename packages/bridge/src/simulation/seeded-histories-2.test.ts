import { testSeededHistories } from "./seeded-histories.fixture.js";

testSeededHistories(1);
