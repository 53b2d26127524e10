using Mainstay.Commands;
using Xunit;

namespace Mainstay.Tests.Models;

public sealed class ModelCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("mainstay-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Train_says_what_it_made()
    {
        var file = Path.Combine(_folder, "m.model");
        using var output = new StringWriter();
        var code = await ModelCommand.Build(TimeProvider.System).Parse(["train", "--out", file, "--seed", "7"])
            .InvokeAsync(new() { Output = output });
        Assert.Equal(0, code);
        Assert.True(File.Exists(file));
        foreach (var word in new[] { "rows", "classes    ok, toxic", "accuracy", "macro-F1", "features", "bytes", "time" })
            Assert.Contains(word, output.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://127.0.0.1:9000")]
    [InlineData("127.0.0.1:9000")]
    [InlineData("http://example.test:9000")]
    [InlineData("http://127.0.0.1:9000/path")]
    [InlineData("")]
    public async Task A_bad_url_ends_with_2(string url) => Assert.Equal(2, await Serve("--model", "/no/such/file", "--listen", url));

    [Fact]
    public async Task A_missing_model_ends_with_2() => Assert.Equal(2, await Serve("--model", "/no/such/file", "--listen", "http://127.0.0.1:0"));

    private static Task<int> Serve(params string[] args) => ModelCommand.Build(TimeProvider.System).Parse(["serve", .. args]).InvokeAsync();
}
