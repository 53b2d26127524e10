namespace Mainstay.Tests.Config;

/// <summary>What a person is told of mistakes: all at once, each at its line and with its cure.</summary>
public sealed class MistakesTests
{
    [Fact]
    public void Five_mistakes_are_told_at_once()
    {
        var result = Written.Read("""
            version: 1
            remedies: observ
            services:
              - name: moderation
                servers:
                  - { url: "http://10.0.1.10:9000", region: us-east-1 }
                  - { url: "10.0.2.10:9000", region: us-east-2 }
                timeouts: { conect: 1s }
                retry: { attempts: 30 }
                health: { path: /health, every: 2 }
            """);

        Assert.Null(result.Config);
        Assert.Equal<string>(
            [
                """/nowhere/mainstay.yaml:2: remedies: "observ" is not one of the words for it; did you mean `observe`?""",
                """/nowhere/mainstay.yaml:7: services[0].servers[1].url: "10.0.2.10:9000" is not an http or https address; did you mean http://10.0.2.10:9000?""",
                "/nowhere/mainstay.yaml:8: services[0].timeouts.conect: unknown key; did you mean `connect`?",
                """/nowhere/mainstay.yaml:9: services[0].retry.attempts: "30" is out of range; write a whole number, 1 to 10""",
                """/nowhere/mainstay.yaml:10: services[0].health.every: "2" is not a duration; add the unit: 2ms, 2s, 2m, 2h, 2d""",
            ],
            result.Errors.Select(e => e.ToString()));
    }

    [Theory]
    [InlineData("version: 1\nservices:\n  - name: a\n\t  servers: []", 5, "indent with spaces")]
    [InlineData("version: 1\nservices:\n\t- name: a", 4, "indent with spaces")]
    [InlineData("version: 1\ntraffic: { listen: \"http://x\"\nservices: []", 3, "close every quote and bracket")]
    [InlineData("version: 1\nremedies: 'act\n", 3, "close every quote and bracket")]
    [InlineData("version: 1\nservices:\n  - name:a\n    host: b", 5, "put a space after each colon")]
    [InlineData("version: 1\nservices:\n  - name: a\n   host: b", 5, "align the indentation")]
    public void A_syntax_error_stands_alone(string text, int line, string cure)
    {
        // The mistakes around it are not told: they may come from it.
        var error = Written.Read("unknown: 1\n" + text).OnlyError();
        Assert.StartsWith("not YAML: ", error.Wrong);
        Assert.Contains(cure, error.Cure);
        Assert.Equal(line, error.Line);
    }

    [Theory]
    [InlineData("timeouts: { first_bite: 1s }", "services[0].timeouts.first_bite", "did you mean `first_byte`?")]
    [InlineData("time_outs: { connect: 1s }", "services[0].time_outs", "did you mean `timeouts`?")]
    [InlineData("depends-on: [x]", "services[0].depends-on", "did you mean `depends_on`?")]
    [InlineData("first_byte: 1s", "services[0].first_byte", "did you mean `services[].timeouts.first_byte`?")]
    [InlineData("customer: { id: x, header: X }", "services[0].customer.id", "known here are header")]
    [InlineData("Regions: share", "services[0].Regions", "did you mean `regions`?")]
    public void An_unknown_key_is_told_with_the_one_that_was_meant(string line, string key, string cure)
    {
        var error = Written.ReadService(line).OnlyError();
        Assert.Equal((7, key, "unknown key", cure), (error.Line, error.Key, error.Wrong, error.Cure));
    }

    [Theory]
    [InlineData("release: { stable: v1 }", "services[0].release")]
    [InlineData("log: json", "services[0].log")]
    public void A_reserved_key_is_told_apart_from_an_unknown_one(string line, string key)
    {
        var error = Written.ReadService(line).OnlyError();
        Assert.Equal((7, key), (error.Line, error.Key));
        Assert.Contains("known, but this version does not do it yet", error.Wrong);
        Assert.StartsWith("take it out", error.Cure);
    }

    [Theory]
    [InlineData("database: postgres://u@h/d")]
    [InlineData("dependencies: []")]
    [InlineData("probes: []")]
    [InlineData("playbook: []")]
    [InlineData("jobs: []")]
    [InlineData("status: {}")]
    [InlineData("log: json")]
    public void Reserved_keys_stand_at_the_root_too(string line)
    {
        var error = Written.Read(line + "\n" + Written.Small).OnlyError();
        Assert.Equal((1, line[..line.IndexOf(':')], "known, but this version does not do it yet"), (error.Line, error.Key, error.Wrong));
    }

    [Theory]
    [InlineData("limits: {}", "`services[].limits`")]
    [InlineData("admission: {}", "`services[].admission`")]
    public void What_stands_at_the_root_and_belongs_to_a_service_is_told_its_place(string line, string place)
    {
        var error = Written.Read(line + "\n" + Written.Small).OnlyError();
        Assert.Equal("unknown key", error.Wrong);
        Assert.Contains(place, error.Cure, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("remedies:", "services[0].remedies", "has no value", "write `observe` or `propose` or `act`, or take the key out")]
    [InlineData("timeouts: 1s", "services[0].timeouts", "is a single value, not a mapping", "connect, first_byte, first_token, idle, tunnel, total")]
    [InlineData("depends_on: s3", "services[0].depends_on", "is a single value, not a list", "write `depends_on: [ … ]`")]
    [InlineData("remedies: [act]", "services[0].remedies", "is a list, not a single value", "write `observe`")]
    [InlineData("match: { strip: yes }", "services[0].match.strip", "\"yes\" is not one of the words for it", "write `true` or `false`")]
    [InlineData("match: { path: moderation }", "services[0].match.path", "\"moderation\" is not a path", "did you mean /moderation?")]
    [InlineData("match: { path: /a?b }", "services[0].match.path", "\"/a?b\" is not a path", "special characters as %20")]
    [InlineData("match: { host: \"a.test:80\" }", "services[0].match.host", "is not a host name", "without scheme and port")]
    [InlineData("customer: { header: \"X Customer\" }", "services[0].customer.header", "is not a name of a header", "X-Customer")]
    [InlineData("customer: {}", "services[0].customer.header", "is missing", "write `header:` here")]
    [InlineData("health: { every: 1s }", "services[0].health.path", "is missing", "write `path:` here")]
    [InlineData("health: { path: /h, every: 1ms }", "services[0].health.every", "\"1ms\" is out of range", "100ms to 1h")]
    [InlineData("timeouts: { connect: 0s }", "services[0].timeouts.connect", "\"0s\" is out of range", "1ms to 5m")]
    [InlineData("timeouts: { connect: 2s, total: 1s }", "services[0].timeouts.connect", "connect (2s) is longer than total (1s)", "shorter connect")]
    [InlineData("timeouts: { total: 500ms }", "services[0].timeouts.total", "connect (by default 1s) is longer than total", "shorter connect")]
    [InlineData("timeouts: { first_byte: 2s, total: 1s }", "services[0].timeouts.first_byte", "is longer than total", "longer total")]
    [InlineData("timeouts: { idle: 2s, total: 1s }", "services[0].timeouts.idle", "is longer than total", "longer total")]
    [InlineData("retry: { attempts: 0 }", "services[0].retry.attempts", "out of range", "1 to 10")]
    [InlineData("retry: { attempts: -1 }", "services[0].retry.attempts", "is not a whole number", "1 to 10")]
    [InlineData("retry: { budget: 101% }", "services[0].retry.budget", "out of range", "0% to 100%")]
    [InlineData("retry: { budget: 0.2 }", "services[0].retry.budget", "is not a percentage", "add the unit: 0.2%")]
    [InlineData("retry: { replay: always }", "services[0].retry.replay", "\"always\"", "write `safe`")]
    [InlineData("retry: { body: 1GiB }", "services[0].retry.body", "out of range", "0B to 64MiB")]
    [InlineData("breaker: { failures: 0 }", "services[0].breaker.failures", "out of range", "1 to 1000")]
    [InlineData("breaker: { slow: of }", "services[0].breaker.slow", "is not a number", "or `off`")]
    [InlineData("breaker: { slow: 1 }", "services[0].breaker.slow", "out of range", "1.5 to 100")]
    [InlineData("breaker: { share: 0.5 }", "services[0].breaker.share", "is not a percentage", "add the unit: 0.5%")]
    [InlineData("breaker: { eject: 100% }", "services[0].breaker.eject", "out of range", "0% to 90%")]
    [InlineData("hedge: 50ms", "services[0].hedge", "is a single value, not a mapping", "after, budget")]
    [InlineData("hedge: {}", "services[0].hedge.after", "is missing", "write `after:`")]
    [InlineData("hedge: { after: p99 }", "services[0].hedge.after", "is not a duration", ", or `p95`")]
    [InlineData("hedge: { after: 2h }", "services[0].hedge.after", "out of range", "or `p95`")]
    [InlineData("limits: { concurrency: adaptiv }", "services[0].limits.concurrency", "is not a whole number", "`adaptive` or `off`")]
    [InlineData("limits: { concurrency: 0 }", "services[0].limits.concurrency", "out of range", "1 to 100000")]
    [InlineData("admission: { header: \"X P\" }", "services[0].admission.header", "is not a name of a header", "X-Customer")]
    [InlineData("admission: { otherwise: high }", "services[0].admission.otherwise", "\"high\"", "`critical`")]
    [InlineData("admission: { wait: 2 }", "services[0].admission.wait", "is not a duration", "2s")]
    [InlineData("admission: { rules: [{ header: X-A, priority: critical }] }", "services[0].admission.rules[0]", "says of no value", "either value")]
    [InlineData("admission: { rules: [{ header: X-A, value: a, sha256: 0000000000000000000000000000000000000000000000000000000000000000, priority: critical }] }", "services[0].admission.rules[0]", "or twice", "either value")]
    [InlineData("admission: { rules: [{ value: a, priority: critical }] }", "services[0].admission.rules[0].header", "is missing", "write `header:`")]
    [InlineData("admission: { rules: [{ header: X-A, sha256: abc, priority: critical }] }", "services[0].admission.rules[0].sha256", "is not a SHA-256", "sha256sum")]
    [InlineData("when_down: eror", "services[0].when_down", "\"eror\" is not known", "did you mean `error`?")]
    [InlineData("when_down: {}", "services[0].when_down.answer", "is missing", "write `answer:` here")]
    [InlineData("when_down: { answer: none.json }", "services[0].when_down.answer", "none.json: no such file", "check its name")]
    [InlineData("when_down: { queue: \"http://10.0.0.1\" }", "services[0].when_down.queue", "is an address", "write a path such as ./queue")]
    [InlineData("when_down: { queue: {} }", "services[0].when_down.queue.folder", "is missing", "write `folder:` here")]
    [InlineData("when_down: { queue: { folder: q, max: 0 } }", "services[0].when_down.queue.max", "out of range", "1 to 1000000")]
    [InlineData("when_down: { queue: { folder: q, size: 1KiB } }", "services[0].when_down.queue.size", "out of range", "1MiB to 1024GiB")]
    [InlineData("when_down: { queue: { folder: q, keep: 1s } }", "services[0].when_down.queue.keep", "out of range", "1m to 30d")]
    [InlineData("depends_on: [moderation]", "services[0].depends_on[0]", "moderation depends on itself", "take it out")]
    [InlineData("depends_on: [a, b, a]", "services[0].depends_on[2]", "stands in the list twice", "keep one")]
    [InlineData("slo: {}", "services[0].slo", "promises nothing", "write availability or latency")]
    [InlineData("slo: { availability: 100% }", "services[0].slo.availability", "out of range", "1% to 99.9999%")]
    [InlineData("regions: [us-east-1]", "services[0].servers[1].region", "us-east-2 is not in the service's `regions` (line 7)", "")]
    [InlineData("regions: [us-east-1, us-east-2, eu]", "services[0].regions[2]", "no server stands in eu", "take it out, or add a server")]
    [InlineData("regions: us-east-1", "services[0].regions", "\"us-east-1\" is not a list", "write `regions: [us-east-1]`, or `regions: share`")]
    [InlineData("allowed_regions: [us-east-2]", "services[0].servers[0].region", "us-east-1 is not in the service's `allowed_regions`", "take the server out")]
    [InlineData("slow_start: 2h", "services[0].slow_start", "out of range", "0s to 1h")]
    [InlineData("host: kep", "services[0].host", "\"kep\"", "did you mean `keep`?")]
    [InlineData("name: chat", "services[0].name", "written twice, first in line 3", "keep one")]
    public void A_mistake_in_a_service_has_its_cure(string line, string key, string wrong, string cure)
    {
        var error = Written.ReadService(line).OnlyError();
        Assert.Equal(key, error.Key);
        Assert.Contains(wrong, error.Wrong);
        Assert.Contains(cure, error.Cure);
        Assert.Equal(key.Contains("servers[") ? 5 + (key.Contains("[1]") ? 1 : 0) : 7, error.Line);
    }

    [Theory]
    [InlineData("weight: 0", "weight", "out of range", "number, 0.001 to 1000")]
    [InlineData("weight: heavy", "weight", "is not a number", "write a number")]
    [InlineData("rank: 0", "rank", "out of range", "1 to 100")]
    [InlineData("rank: 1.5", "rank", "is not a whole number", "1 to 100")]
    [InlineData("capacity: 200", "capacity", "is not a rate", "200/s")]
    [InlineData("capacity: 0/s", "capacity", "out of range", "1/h to 1000000/s")]
    [InlineData("version: \"v 7\"", "version", "is not a name", "letters, digits")]
    [InlineData("zone: \"a b\"", "zone", "is not a name", "letters, digits")]
    [InlineData("api: htp", "api", "\"htp\"", "did you mean `http`?")]
    public void A_mistake_in_a_server_has_its_cure(string entry, string key, string wrong, string cure)
    {
        var result = Written.Read(Written.Small + $$"""

                  - { url: "http://10.0.3.10:9000", region: us-west-2, {{entry}} }
            """);
        var error = result.OnlyError();
        Assert.Equal((7, "services[0].servers[2]." + key), (error.Line, error.Key));
        Assert.Contains(wrong, error.Wrong);
        Assert.Contains(cure, error.Cure);
    }

    [Theory]
    [InlineData("ftp://10.0.0.1", "is not an http or https address")]
    [InlineData("10.0.0.1:9000", "is not an http or https address")]
    [InlineData("localhost:9000", "is not an http or https address")]
    [InlineData("http://", "is not an http or https address")]
    [InlineData("http://10.0.0.1:99999", "is not an http or https address")]
    [InlineData("http://10.0.0.1:0", "port 0 cannot be reached")]
    [InlineData("http://10.0.0.1/?a=1", "has a query or fragment")]
    [InlineData("http://10.0.0.1/#a", "has a query or fragment")]
    [InlineData("http://me:secret@10.0.0.1", "a user or password stands in the address")]
    [InlineData("http://10.0.1.10:9000/", "10.0.1.10:9000 is a server of this service already, in line 5")]
    public void A_bad_url_is_told(string url, string wrong)
    {
        var error = Written.Read(Written.Small + $$"""

                  - { url: "{{url}}", region: us-west-2 }
            """).OnlyError();
        Assert.Equal((7, "services[0].servers[2].url"), (error.Line, error.Key));
        Assert.Contains(wrong, error.Wrong);
        Assert.DoesNotContain("secret", error.ToString());
    }
}
