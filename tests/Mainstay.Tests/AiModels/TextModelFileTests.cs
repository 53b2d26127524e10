using System.Buffers.Binary;
using System.Security.Cryptography;
using Mainstay.Control.AiModels;
using Xunit;

namespace Mainstay.Tests.AiModels;

public sealed class TextModelFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("mainstay-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_loaded_model_answers_as_the_trained_one()
    {
        var trained = TextTrainer.Train(ModerationCorpus.Load(), new TrainingOptions { Name = "näme" });
        var size = trained.Save(PathOf("a.model"));
        var loaded = TextClassifier.Load(PathOf("a.model"));
        Assert.Equal(new FileInfo(PathOf("a.model")).Length, size);
        Assert.Equal(trained.Id, loaded.Id);
        Assert.StartsWith("näme@", loaded.Id, StringComparison.Ordinal);
        Assert.Equal(trained.Labels, loaded.Labels);
        foreach (var example in ModerationCorpus.Load()) Assert.Equal(trained.Predict(example.Text), loaded.Predict(example.Text));
    }

    [Fact]
    public void Equal_texts_and_seed_give_equal_bytes_and_another_seed_or_name_others()
    {
        byte[] Train(int seed, string name)
        {
            TextTrainer.Train(ModerationCorpus.Load(), new TrainingOptions { Seed = seed, Name = name }).Save(PathOf("m"));
            return File.ReadAllBytes(PathOf("m"));
        }
        var first = Train(1, "a");
        Assert.Equal(first, Train(1, "a"));
        Assert.NotEqual(first, Train(2, "a"));
        Assert.NotEqual(first, Train(1, "b"));
    }

    [Fact]
    public void Every_flipped_byte_is_noticed()
    {
        var whole = SmallFile();
        for (var at = 0; at < whole.Length; at++)
        {
            var broken = (byte[])whole.Clone();
            broken[at] ^= 0x41;
            Assert.Throws<ModelFileException>(() => TextModelFile.Parse(broken, "x"));
        }
    }

    [Fact]
    public void Every_cut_is_noticed_and_so_is_what_is_added()
    {
        var whole = SmallFile();
        for (var length = 0; length < whole.Length; length++)
            Assert.Throws<ModelFileException>(() => TextModelFile.Parse(whole.AsSpan(0, length), "x"));
        Assert.Throws<ModelFileException>(() => TextModelFile.Parse([.. whole, 0], "x"));
    }

    // A file from elsewhere may have a right checksum over anything: no exception but the one, no boundless memory.
    [Fact]
    public void Every_flipped_byte_under_a_right_checksum_loads_or_says_why_not()
    {
        var whole = SmallFile();
        foreach (var flip in new byte[] { 0x01, 0x7F, 0x80, 0xFF })
            for (var at = 16; at < whole.Length - SHA256.HashSizeInBytes; at++)
            {
                var forged = (byte[])whole.Clone();
                forged[at] ^= flip;
                try
                {
                    TextModelFile.Parse(Sealed(forged), "x").Predict("the cat and the dog");
                }
                catch (ModelFileException e)
                {
                    Assert.Contains("x: ", e.Message, StringComparison.Ordinal);
                }
            }
    }

    [Fact]
    public void Errors_name_the_file_what_is_wrong_and_the_cure()
    {
        File.WriteAllText(PathOf("foreign"), "PK\u0003\u0004 this is something else altogether, long enough to have a header");
        File.WriteAllBytes(PathOf("cut"), SmallFile()[..60]);
        var newer = SmallFile();
        BinaryPrimitives.WriteUInt32LittleEndian(newer.AsSpan(8), 7);
        File.WriteAllBytes(PathOf("newer"), newer);
        AssertError("missing", "no such model file");
        AssertError("foreign", "no model file of Mainstay");
        AssertError("cut", "cut off: 60 bytes of");
        AssertError("newer", "format 7");
        AssertError(".", "cannot be read");
        Assert.Contains("train", Assert.Throws<ModelFileException>(() => TextClassifier.Load(PathOf("cut"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_cannot_be_written_says_so()
    {
        var error = Assert.Throws<ModelFileException>(() => Small().Save(PathOf("no/such/folder/m")));
        Assert.Contains("cannot be written", error.Message, StringComparison.Ordinal);
    }

    private void AssertError(string file, string what)
    {
        var error = Assert.Throws<ModelFileException>(() => TextClassifier.Load(PathOf(file)));
        Assert.Contains(PathOf(file), error.Message, StringComparison.Ordinal);
        Assert.Contains(what, error.Message, StringComparison.Ordinal);
    }

    private string PathOf(string file) => Path.Combine(_folder, file);

    private static TextClassifier Small() =>
        TextTrainer.Train([new("cat", "a"), new("dog", "b"), new("fox", "c")], new TrainingOptions { Name = "s" });

    private byte[] SmallFile()
    {
        Small().Save(PathOf("small"));
        return File.ReadAllBytes(PathOf("small"));
    }

    private static byte[] Sealed(byte[] file)
    {
        SHA256.HashData(file.AsSpan(0, file.Length - SHA256.HashSizeInBytes), file.AsSpan(file.Length - SHA256.HashSizeInBytes));
        return file;
    }
}
