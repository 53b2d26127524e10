using System.Text;
using Mainstay.Control.Config;

namespace Mainstay.Tests.Config;

/// <summary>Mistakes that concern several services, the listeners, or the file as a whole.</summary>
public sealed class WholeFileTests
{
    [Fact]
    public void Two_services_with_one_name_and_one_match_are_told()
    {
        var result = Written.Read(Written.Small + "\n" + """
              - name: moderation
                match: { path: "/" }
                servers:
                  - { url: "http://10.0.1.10:9000", region: us-east-1 }
                  - { url: "http://10.0.2.10:9000", region: us-east-2 }
            """);
        Assert.Equal(["7 services[1].name", "8 services[1].match"], result.Places());
        Assert.Contains("another service has the name moderation, in line 3", result.Errors[0].Wrong);
        Assert.Contains("the service moderation matches the same requests, / on every host", result.Errors[1].Wrong);
    }

    [Fact]
    public void A_slash_at_the_end_does_not_make_another_match()
    {
        var result = Written.ReadService(
            "match: { path: /m, host: a.test }", "x: 1").Errors;
        Assert.Single(result);
        var same = Written.Read("""
            version: 1
            services:
              - { name: a, match: { path: /m }, servers: [{ url: "http://10.0.0.1", region: x }] }
              - { name: b, match: { path: /m/ }, servers: [{ url: "http://10.0.0.1", region: x }] }
              - { name: c, match: { path: /m, host: a.test }, servers: [{ url: "http://10.0.0.1", region: x }] }
              - { name: d, match: { path: /m, host: A.test }, servers: [{ url: "http://10.0.0.1", region: x }] }
            """);
        Assert.Equal(["4 services[1].match", "6 services[3].match"], same.Places());
    }

    [Theory]
    [InlineData("services: []", "2 services")]
    [InlineData("services:", "2 services")]
    [InlineData("state: here", "1 services")]
    [InlineData("services: [{ name: a }]", "2 services[0].servers")]
    [InlineData("services: [{ name: a, servers: [] }]", "2 services[0].servers")]
    [InlineData("services: [{ servers: [{ url: \"http://10.0.0.1\", region: x }] }]", "2 services[0].name")]
    [InlineData("services: [{ name: a, servers: [{ url: \"http://10.0.0.1\" }] }]", "2 services[0].servers[0].region")]
    [InlineData("services: [{ name: a, servers: [{ region: x }] }]", "2 services[0].servers[0].url")]
    [InlineData("services: [a]", "2 services[0]")]
    [InlineData("regions: [a]\n" + Services, "2 regions")]
    [InlineData("version: 1\n" + Services, "2 version")]
    [InlineData("control: { tokens: [{ name: a, sha256: abc }] }\n" + Services, "2 control.tokens[0].sha256")]
    [InlineData("control: { tokens: [{ name: operator, sha256: 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b }] }\n" + Services, "2 control.tokens[0].name")]
    [InlineData("control: { tokens: [{ name: a, scope: admin, sha256: 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b }] }\n" + Services, "2 control.tokens[0].scope")]
    [InlineData("control: { listen: \"http://0.0.0.0:8401\" }\n" + Services, "2 control.listen")]
    [InlineData("control: { listen: \"http://0.0.0.0:8401\", tokens: [] }\n" + Services, "2 control.listen")]
    [InlineData("control: { listen: \"http://127.0.0.1:8400\" }\n" + Services, "2 control.listen")]
    [InlineData("traffic: { listen: \"http://127.0.0.1:8401\" }\n" + Services, "2 traffic.listen")]
    [InlineData("traffic: { listen: \"https://127.0.0.1:8443\" }\n" + Services, "2 traffic.listen")]
    [InlineData("traffic: { listen: \"http://example.test:8400\" }\n" + Services, "2 traffic.listen")]
    [InlineData("traffic: { listen: \"http://*:8400\" }\n" + Services, "2 traffic.listen")]
    [InlineData("traffic: { listen: \"8400\" }\n" + Services, "2 traffic.listen")]
    [InlineData("control: { hosts: [\"http://x\"] }\n" + Services, "2 control.hosts[0]")]
    [InlineData("notify: [{ secret_env: A }]\n" + Services, "2 notify[0]")]
    [InlineData("notify: [{ webhook: \"http://h\", secret_env: \"whsec_+/=\" }]\n" + Services, "2 notify[0].secret_env")]
    [InlineData("state: &here x\n" + Services, "2 state")]
    [InlineData("state: *here\n" + Services, "2 state")]
    [InlineData("state: !!binary x\n" + Services, "2 state")]
    [InlineData("[a, b]: 1\n" + Services, "2 ")]
    [InlineData(Services + "\n---\nversion: 1", "3 ")]
    [InlineData("<<: { state: x }\n" + Services, "2 <<")]
    public void A_mistake_is_told_with_its_line_and_key(string text, string place)
    {
        var result = Written.Read("version: 1\n" + text);
        Assert.Equal([place], result.Places());
        Assert.NotEmpty(result.Errors[0].Cure);
    }

    private const string Services = "services: [{ name: a, servers: [{ url: \"http://10.0.0.1\", region: x }] }]";

    [Theory]
    [InlineData("", "the file is empty")]
    [InlineData("# nothing yet\n", "the file is empty")]
    [InlineData("~", "the file is empty")]
    [InlineData("hello", "the file is a single value, not a mapping")]
    [InlineData("- a", "the file is a list, not a mapping")]
    [InlineData("version: 2\n" + Services, "\"2\" is out of range")]
    public void A_file_without_a_configuration_is_told(string text, string wrong) =>
        Assert.Equal(wrong, Written.Read(text).OnlyError().Wrong);

    [Fact]
    public void A_wrong_token_or_secret_is_never_repeated()
    {
        var result = Written.Read("""
            version: 1
            control: { tokens: [{ name: me, sha256: mst_live_12345 }] }
            notify: [{ webhook: "http://hooks.test", secret_env: "whsec/12345" }]
            """ + "\n" + Services);
        Assert.Equal(2, result.Errors.Length);
        Assert.All(result.Errors, e => Assert.DoesNotContain("12345", e.ToString()));
    }

    [Theory]
    [InlineData('[', ']')]
    [InlineData('{', '}')]
    public void Deep_nesting_is_refused_alone(char open, char close)
    {
        var deep = string.Concat(Enumerable.Repeat(open == '[' ? "[" : "{ a: ", 40)) + new string(close, 40);
        var error = Written.Read($"version: 1\nunknown: 1\nstate: {deep}\n{Services}").OnlyError();
        Assert.Equal((3, "nested more than 32 deep"), (error.Line, error.Wrong));
    }

    [Theory]
    [InlineData("[")]
    [InlineData("{a: ")]
    [InlineData("- ")]
    [InlineData("? ")]
    [InlineData("&a ")]
    [InlineData("a: b\n")]
    [InlineData("'")]
    public void A_file_full_of_one_thing_ends_in_errors_not_in_a_crash(string part)
    {
        var text = new StringBuilder();
        while (text.Length + part.Length <= 200_000)
            text.Append(part);
        var result = Written.Read(text.ToString());
        Assert.Null(result.Config);
        Assert.InRange(result.Errors.Length, 1, 101);
    }

    [Fact]
    public void More_than_a_hundred_mistakes_are_cut_and_counted()
    {
        var text = Services + "\nversion: 1\n" + string.Concat(Enumerable.Range(0, 150).Select(i => $"mistake{i}: 1\n"));
        var result = Written.Read(text);
        Assert.Equal(101, result.Errors.Length);
        Assert.Equal("50 more mistakes are not shown", result.Errors[^1].Wrong);
    }

    [Fact]
    public void Messages_stay_on_one_line_whatever_the_file_holds()
    {
        var result = Written.Read("version: \"1\\n\\x1b[31m\"\n\"ke\\ny\": 1\n" + Services);
        Assert.Equal(2, result.Errors.Length);
        Assert.All(result.Errors, e => Assert.DoesNotContain(e.ToString(), char.IsControl));
    }

    [Fact]
    public void A_file_that_cannot_be_read_is_told()
    {
        var folder = Directory.CreateTempSubdirectory("mainstay-config-");
        try
        {
            var file = Path.Combine(folder.FullName, "mainstay.yaml");
            Assert.Equal("no such file", ConfigReader.ReadFile(file).OnlyError().Wrong);
            Assert.Equal("a folder, not a file", ConfigReader.ReadFile(folder.FullName).OnlyError().Wrong);
            File.WriteAllBytes(file, [0x76, 0xFF, 0xFE]);
            Assert.Equal("not UTF-8 text", ConfigReader.ReadFile(file).OnlyError().Wrong);
            File.WriteAllText(file, new string('#', ConfigReader.MaxBytes + 1));
            Assert.Equal("larger than 1024 KiB", ConfigReader.ReadFile(file).OnlyError().Wrong);
            File.WriteAllText(file, Written.Small, new UTF8Encoding(encoderShouldEmitUTF8Identifier: true));
            ConfigReader.ReadFile(file).Good();
            File.WriteAllText(Path.Combine(folder.FullName, "down.json"), "{\n\"label\": }");
            File.WriteAllText(file, Written.Small + "\n    when_down: { answer: down.json }");
            Assert.Equal("down.json is not JSON in its line 2", ConfigReader.ReadFile(file).OnlyError().Wrong);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
