using System.CommandLine;
using Mainstay.Commands;

namespace Mainstay.Tests.Commands;

public sealed class CheckCommandTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("mainstay-check-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void A_good_file_is_summed_up_and_its_warnings_come_last()
    {
        var (exit, output, error) = Check(Write("""
            version: 1
            services:
              - name: moderation
                match: { path: /moderation }
                servers:
                  - { url: "http://10.0.1.10:9000", region: us-east-1 }
                  - { url: "http://10.0.1.11:9000", region: us-east-1 }
                  - { url: "http://10.0.2.10:9000", region: us-east-2 }
                  - { url: "http://10.0.9.10:9000", region: us-west-2, rank: 2 }
              - name: chat
                match: { path: /, host: chat.example.test }
                servers: [{ url: "http://10.0.1.20:8000", region: us-east-1 }]
            """));

        Assert.Equal((0, ""), (exit, error));
        Assert.Equal(
            """
            moderation  /moderation  rank 1: us-east-1 (2), us-east-2 (1); rank 2: us-west-2 (1)
            chat        chat.example.test/  rank 1: us-east-1 (1)
            2 services, 5 servers in 3 regions; remedies: propose; traffic on http://127.0.0.1:8400, control on http://127.0.0.1:8401.
            warning: chat has one server, 10.0.1.20:8000 in us-east-1: when it fails, its callers get an error (502, 503 or 504) until it is back.

            """,
            output);
    }

    [Fact]
    public void A_bad_file_is_refused_with_every_mistake_on_a_line_of_its_own()
    {
        var file = Write("version: 1\nremedis: act\nservices: [{ name: a }]\n");
        var (exit, output, error) = Check(file);

        Assert.Equal((2, ""), (exit, output));
        Assert.Equal(
            $"""
            {file}:2: remedis: unknown key; did you mean `remedies`?
            {file}:3: services[0].servers: is missing; write `servers:` here (list)

            """,
            error);
    }

    [Fact]
    public void A_missing_file_is_refused()
    {
        var (exit, _, error) = Check(Path.Combine(_folder.FullName, "none.yaml"));
        Assert.Equal(2, exit);
        Assert.EndsWith("none.yaml: no such file; check its name\n", error);
    }

    [Fact]
    public void An_option_is_not_taken_for_a_file()
    {
        var parsed = CheckCommand.Build().Parse(["--fast"]);
        Assert.StartsWith("Unknown option --fast;", Assert.Single(parsed.Errors).Message);
    }

    private string Write(string text)
    {
        var file = Path.Combine(_folder.FullName, "mainstay.yaml");
        File.WriteAllText(file, text);
        return file;
    }

    private static (int Exit, string Output, string Error) Check(string file)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var exit = CheckCommand.Build().Parse([file]).Invoke(new InvocationConfiguration { Output = output, Error = error });
        return (exit, output.ToString(), error.ToString());
    }
}
